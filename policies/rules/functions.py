"""Policies for functions between the metadata and the edge: their callers, their environment, and their failed
events.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.framework.controls import foundational, well_architected
from policies.framework.declare import Properties, each_resource, given, kind, known, part, parts, setting
from policies.framework.secrets import secrets_in

FUNCTION = "aws:lambda/function:Function"
_SERVICE = "gcp:cloudrunv2/service:Service"
_PERMISSION = "aws:lambda/permission:Permission"
_URL = "aws:lambda/functionUrl:FunctionUrl"
_INVOKER = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
_MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
# Lambda runtimes that AWS patches for at least another year (Lambda Developer Guide, "Lambda runtimes", 2026-11).
_RUNTIMES = ["nodejs22.x", "nodejs24.x", "python3.12", "python3.13", "python3.14", "provided.al2023"]


@each_resource(
    "multi-function-callers-named",
    "A function is called by named principals, or checks signatures itself and says so.",
    of={_PERMISSION, _URL, _INVOKER},
    severity=Severity.CRITICAL,
    control=foundational("Lambda.1"),
    fix="Name the principal and its source_arn; a function that checks its callers itself is named in `open`",
    config={"open": {"type": "array", "items": {"type": "string"}, "default": []}},
)
def called_by_whom_they_know(args: ResourceValidationArgs) -> Iterator[str]:
    props = args.props
    if kind(args) == _URL:
        if props.get("authorizationType") != "AWS_IAM" and not _is_open(args, props.get("functionName")):
            yield "its URL asks nobody who he is"
        return
    if kind(args) == _INVOKER:
        if props.get("member") in ("allUsers", "allAuthenticatedUsers") and not _is_open(args, props.get("name")):
            yield f"everybody has {props.get('role')}"
        return
    everybody = props.get("principal") == "*" and not given(props, "principalOrgId")
    by_url = props.get("invokedViaFunctionUrl") is True or props.get("functionUrlAuthType") == "NONE"
    if everybody and not (by_url and _is_open(args, props.get("function"))):
        yield f"everybody may {props.get('action')}"
    elif str(props.get("principal")).endswith(".amazonaws.com") and not (
        given(props, "sourceArn") or given(props, "sourceAccount")
    ):
        yield f"{props.get('principal')} may {props.get('action')} on behalf of whomever it serves"


def _is_open(args: ResourceValidationArgs, function: object) -> bool:
    return any(fnmatchcase(str(function).rsplit(":", 1)[-1], pattern) for pattern in setting(args, "open", []))


@each_resource(
    "aws-lambda-runtime-supported",
    "A function's language is one that AWS still patches.",
    of={FUNCTION},
    severity=Severity.MEDIUM,
    control=foundational("Lambda.2"),
    fix="Use a newer runtime; add one to `runtimes` once AWS has it",
    config={"runtimes": {"type": "array", "items": {"type": "string"}, "default": _RUNTIMES}},
)
def runtime_patched(args: ResourceValidationArgs) -> Iterator[str]:
    runtime = args.props.get("runtime")
    if args.props.get("packageType") != "Image" and runtime not in setting(args, "runtimes", _RUNTIMES):
        yield f"{runtime} is not patched for another year"


@each_resource(
    "multi-function-environment-without-secrets",
    "A function's environment, which everybody who may describe it can read, holds no secret.",
    of={FUNCTION, _SERVICE},
    severity=Severity.CRITICAL,
    control=well_architected("SEC02-BP03"),
    fix="Keep it in Secrets Manager and let the function read it by its role",
)
def knows_no_secret(args: ResourceValidationArgs) -> Iterator[str]:
    variables = _variables(args)
    # Unknown values come last, because they end the rule.
    for name in sorted(variables, key=lambda name: known(variables, name) is None):
        for found in secrets_in(str(variables[name])):
            yield f"variable {name} seems to hold {found}"


def _variables(args: ResourceValidationArgs) -> Properties:
    if kind(args) == FUNCTION:
        return part(part(args.props, "environment"), "variables")
    containers = parts(part(args.props, "template"), "containers")
    return {str(each.get("name")): each.get("value") for container in containers for each in parts(container, "envs")}


@each_resource(
    "aws-lambda-failed-events-kept",
    "What a function could not carry is tried again, then kept for somebody to look at, and holds up nothing.",
    of={_MAPPING},
    severity=Severity.HIGH,
    control=well_architected("REL05-BP03"),
    fix="Set destination_config.on_failure, maximum_retry_attempts and bisect_batch_on_function_error",
)
def failed_events_kept(args: ResourceValidationArgs) -> Iterator[str]:
    props = args.props
    if not given(part(part(props, "destinationConfig"), "onFailure"), "destinationArn"):
        yield "what fails is dropped"
    if int(props.get("maximumRetryAttempts", -1)) < 0:
        yield "what fails is tried until the stream forgets it, and all behind it waits"
    if props.get("bisectBatchOnFunctionError") is not True:
        yield "one bad record takes its whole batch along"


POLICIES: list[Policy] = [called_by_whom_they_know, runtime_patched, knows_no_secret, failed_events_kept]
