"""Policies for Lambda functions and Cloud Run services: who may call them, their environment, and failed events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import foundational, our_design, well_architected
from policies.framework.declare import Properties, each_resource, given, known, part, parts, setting, whole_stack
from policies.framework.kinds import all_of, kind
from policies.framework.principals import has_owner
from policies.framework.relations import is_set, refers_to
from policies.framework.secrets import secrets_in
from policies.rules.database import TABLE

FUNCTION = "aws:lambda/function:Function"
SERVICE = "gcp:cloudrunv2/service:Service"
_PERMISSION = "aws:lambda/permission:Permission"
FUNCTION_URL = "aws:lambda/functionUrl:FunctionUrl"
_INVOKER = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
EVENT_RULE = "aws:cloudwatch/eventRule:EventRule"
_LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
_INVOKE = ("lambda:InvokeFunction", "lambda:InvokeFunctionUrl")
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
# A password in a connection string, such as `host=db password=x` or `?user=a&password=x`.
_PASSWORD = re.compile(r"\b(password|passwd|pwd)\s*=\s*[^\s&;]+", re.IGNORECASE)
# Names of environment variables that hold a secret itself. The pattern does not match variables such as SECRET_NAME and
# SECRET_REGION, because these name a secret and do not hold it.
_SECRET_NAME = re.compile(
    r"((^|_)(KEY|SECRET|TOKEN|PASSWORD|PASSWD|PWD|CREDENTIALS?)|APIKEY|PASSPHRASE)$", re.IGNORECASE
)
# Lambda runtimes that AWS patches until November 2027 or longer. The patches end on these dates: nodejs24.x on
# 2028-04-30, python3.12 on 2028-10-31, python3.13 and python3.14 on 2029-06-30. The list leaves out nodejs22.x, whose
# patches end on 2027-04-30, and provided.al2023, whose date is not known. The date of python3.12 comes from the Bedrock
# AgentCore Developer Guide, "Supported language runtimes and deprecation policy", which follows Lambda. The other dates
# come from the page "AWS Lambda" of endoflife.date as of February 2026, which repeats the dates of the Lambda Developer
# Guide.
_RUNTIMES = ["nodejs24.x", "python3.12", "python3.13", "python3.14"]


@each_resource(
    "multi-function-callers-named",
    "Only named principals can call a function, unless the function authenticates its callers itself.",
    of={_PERMISSION, FUNCTION_URL, _INVOKER, SERVICE},
    severity=Severity.CRITICAL,
    control=foundational("Lambda.1"),
    fix="Name the principal and its source_arn. A function that authenticates its callers belongs in `open`",
    config={"open": {"type": "array", "items": {"type": "string"}, "default": []}},
)
def callers_named(args: ResourceValidationArgs) -> Iterator[str]:
    props = args.props
    if kind(args) == FUNCTION_URL:
        if props.get("authorizationType") != "AWS_IAM" and not _is_open(args, props.get("functionName")):
            yield "its URL authenticates no callers"
        return
    if kind(args) == SERVICE:
        if props.get("invokerIamDisabled") and not _is_open(args, props.get("name")):
            yield "it does not ask IAM whether a caller may call it"
        return
    if kind(args) == _INVOKER:
        if props.get("member") in ("allUsers", "allAuthenticatedUsers") and not _is_open(args, props.get("name")):
            yield f"{props.get('role')} is granted to everybody"
        return
    if str(props.get("action")) not in _INVOKE:
        yield f"it allows {props.get('action')}, which does more than invoke"
    source = str(known(props, "sourceArn") or "")
    if source and not has_owner(source):
        yield f"its source {source} can be in any account"
    everybody = props.get("principal") == "*" and not given(props, "principalOrgId")
    by_url = props.get("invokedViaFunctionUrl") is True or props.get("functionUrlAuthType") == "NONE"
    if everybody and not (by_url and _is_open(args, props.get("function"))):
        yield f"everybody may {props.get('action')}"
    elif str(props.get("principal")).endswith(".amazonaws.com") and not (
        given(props, "sourceArn") or given(props, "sourceAccount")
    ):
        yield f"{props.get('principal')} may {props.get('action')} for any account"


def _is_open(args: ResourceValidationArgs, function: object) -> bool:
    return any(fnmatchcase(str(function).rsplit(":", 1)[-1], pattern) for pattern in setting(args, "open", []))


@each_resource(
    "aws-lambda-runtime-supported",
    "AWS patches the runtime of every function for at least another year.",
    of={FUNCTION},
    severity=Severity.MEDIUM,
    control=foundational("Lambda.2"),
    fix="Use a newer runtime; add one to `runtimes` once AWS has it, and remove it a year before its patches end",
    config={"runtimes": {"type": "array", "items": {"type": "string"}, "default": _RUNTIMES}},
)
def runtime_supported(args: ResourceValidationArgs) -> Iterator[str]:
    runtime = args.props.get("runtime")
    if args.props.get("packageType") != "Image" and runtime not in setting(args, "runtimes", _RUNTIMES):
        yield f"{runtime} is not patched for another year"


@each_resource(
    "multi-function-environment-without-secrets",
    "The environment of a function holds no secret. Everybody who may describe the function can read it.",
    of={FUNCTION, SERVICE},
    severity=Severity.CRITICAL,
    control=well_architected("SEC02-BP03"),
    fix="Keep the secret in Secrets Manager, and let the function read it with its role",
)
def environment_without_secrets(args: ResourceValidationArgs) -> Iterator[str]:
    variables = environment_of(args)
    # A policy stops when it reads a value that is not known yet. The loop reads these values last, after it has checked
    # all known values.
    for name in sorted(variables, key=lambda name: known(variables, name) is None):
        value = str(variables[name] or "")
        found = secrets_in(value) or (["a password"] if _PASSWORD.search(value) else [])
        yield from (f"variable {name} seems to hold {each}" for each in found)
        if not found and value and _SECRET_NAME.search(name):
            yield f"variable {name} has the name of a secret"


def environment_of(function: ResourceValidationArgs | PolicyResource) -> Properties:
    """Returns the environment variables of a Lambda function or Cloud Run service."""
    if kind(function) == FUNCTION:
        return part(part(function.props, "environment"), "variables")
    containers = parts(part(function.props, "template"), "containers")
    return {str(each.get("name")): known(each, "value") for each in _variables(containers)}


def _variables(containers: Iterable[Properties]) -> Iterator[Properties]:
    return (each for container in containers for each in parts(container, "envs"))


@each_resource(
    "aws-lambda-failed-events-kept",
    "Events that a function cannot process are retried, then kept for inspection, and delay no other events.",
    of={MAPPING},
    severity=Severity.HIGH,
    control=well_architected("REL05-BP03"),
    fix="Set destination_config.on_failure, maximum_retry_attempts and bisect_batch_on_function_error",
)
def failed_events_kept(args: ResourceValidationArgs) -> Iterator[str]:
    props = args.props
    if not given(part(part(props, "destinationConfig"), "onFailure"), "destinationArn"):
        yield "failed events are dropped"
    if int(props.get("maximumRetryAttempts", -1)) < 0:
        yield "a failed event is retried until it expires, and all events behind it wait"
    if props.get("bisectBatchOnFunctionError") is not True:
        yield "one bad record fails its whole batch"


@each_resource(
    "aws-lambda-triggers-enabled",
    "Functions, their event sources and their schedules are switched on.",
    of={FUNCTION, MAPPING, EVENT_RULE},
    severity=Severity.CRITICAL,
    control=our_design("revocation is visible in seconds"),
    fix="Leave enabled, state and is_enabled out, and reserved_concurrent_executions at -1 or above 0",
)
def triggers_enabled(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == FUNCTION:
        if args.props.get("reservedConcurrentExecutions") == 0:
            yield "no concurrent execution is allowed"
    elif kind(args) == MAPPING:
        if args.props.get("enabled") is False:
            yield "the event source mapping is disabled"
    else:
        if str(args.props.get("state") or "ENABLED").startswith("DISABLED"):
            yield "state is DISABLED"
        if args.props.get("isEnabled") is False:
            yield "isEnabled is false"


@whole_stack(
    "aws-dynamodb-table-changes-followed",
    "A function follows the changes of every table with a stream, and sees changes of tokens.",
    of={TABLE},
    severity=Severity.CRITICAL,
    control=our_design("revocation is visible in seconds"),
    fix="Give the table's stream an enabled aws.lambda.EventSourceMapping whose filter includes the partition `tokens`",
)
def changes_followed(table: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if not table.props.get("streamEnabled"):
        return
    mappings = [
        each
        for each in all_of(stack, {MAPPING})
        if known(each.props, "enabled") is not False and refers_to(each, "eventSourceArn", table, ("streamArn",))
    ]
    if not mappings:
        yield "no enabled event source mapping reads its stream"
    for mapping in mappings:
        patterns = [str(each.get("pattern")) for each in parts(part(mapping.props, "filterCriteria"), "filters")]
        if patterns and not any('"tokens"' in pattern for pattern in patterns):
            yield f"the filter of {mapping.name} leaves out changes of tokens"
        if any('"eventName"' in pattern for pattern in patterns):
            yield f"the filter of {mapping.name} leaves out some kinds of changes"


@whole_stack(
    "aws-lambda-log-group-declared",
    "Every function logs to a log group of the stack. A group that Lambda creates keeps logs forever.",
    of={FUNCTION},
    severity=Severity.MEDIUM,
    control=foundational("CloudWatch.16"),
    fix="Create an aws.cloudwatch.LogGroup called /aws/lambda/<function>, with retention_in_days",
)
def log_group_declared(function: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    chosen = part(function.props, "loggingConfig").get("logGroup") if is_set(function, "loggingConfig") else None
    named = chosen or f"/aws/lambda/{function.props.get('name')}"
    if named not in {known(group.props, "name") for group in all_of(stack, {_LOG_GROUP})}:
        yield f"the stack has no log group {named}"


@each_resource(
    "gcp-run-follower-always-on",
    "The service that follows changes of the metadata on Google Cloud always has an instance.",
    of={SERVICE},
    severity=Severity.CRITICAL,
    control=our_design("revocation is visible in seconds"),
    fix="Set min_instance_count of the template's scaling to 1",
    config={"followers": {"type": "array", "items": {"type": "string"}, "default": ["SpannerFollower"]}},
)
def follower_always_on(args: ResourceValidationArgs) -> Iterator[str]:
    if not any(f":{name}$" in args.urn for name in setting(args, "followers", ["SpannerFollower"])):
        return
    least = int(part(part(args.props, "template"), "scaling").get("minInstanceCount") or 0)
    if least < 1:
        yield f"minInstanceCount is {least}"


POLICIES: list[Policy] = [
    callers_named,
    runtime_supported,
    environment_without_secrets,
    failed_events_kept,
    triggers_enabled,
    changes_followed,
    log_group_declared,
    follower_always_on,
]
