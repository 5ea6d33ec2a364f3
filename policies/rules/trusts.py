"""Policies for the trust policies and permissions boundaries of IAM roles. Only known services and identity providers
may assume a role.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import well_architected
from policies.framework.declare import each_resource, setting, statements, whole_stack
from policies.framework.documents import ROLE, title_of
from policies.framework.iam_documents import allows
from policies.framework.kinds import all_of
from policies.framework.principals import principals
from policies.framework.relations import is_set

_STRINGS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
# The AWS services that may assume a role of the stack. They run the stack's functions and machines, or replicate its
# objects.
_SERVICES = ["ec2.amazonaws.com", "lambda.amazonaws.com", "s3.amazonaws.com"]
_PROVIDERS = ["accounts.google.com"]


@each_resource(
    "aws-iam-role-trust-providers-known",
    "Only services and identity providers that the environment uses can assume a role, and no account as a whole.",
    of={ROLE},
    severity=Severity.CRITICAL,
    control=well_architected("SEC03-BP07"),
    fix="Remove the principal, or add it to the policy's setting `services` or `providers`. Name a role in place of an "
    "account",
    config={"services": {**_STRINGS, "default": _SERVICES}, "providers": {**_STRINGS, "default": _PROVIDERS}},
)
def trust_providers_known(args: ResourceValidationArgs) -> Iterator[str]:
    services, providers = setting(args, "services", _SERVICES), setting(args, "providers", _PROVIDERS)
    for number, statement in enumerate(statements(args.props.get("assumeRolePolicy"))):
        if not allows(statement):
            continue
        unknown = [each for each in principals(statement, "Service") if each not in services]
        unknown += [each for each in principals(statement, "Federated") if each.split("/", 1)[-1] not in providers]
        for each in unknown:
            yield f"{title_of(statement, number)} lets in {each}, which is no provider of the environment"
        for each in principals(statement, "AWS"):
            if each.endswith(":root") or each.isdigit():
                yield f"{title_of(statement, number)} lets in every principal of {each}"


@whole_stack(
    "aws-iam-role-boundary-own",
    "Where roles have a permissions boundary, all have one, and the boundary is no policy of AWS.",
    of={ROLE},
    severity=Severity.HIGH,
    control=well_architected("SEC03-BP05"),
    fix="Set `artifact-edge:permissions_boundary`, which gives all roles of the stack the same boundary",
)
def boundary_own(role: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if any(is_set(each, "permissionsBoundary") for each in all_of(stack, {ROLE})) and not is_set(
        role, "permissionsBoundary"
    ):
        yield "it has no permissions boundary, although other roles have one"
    boundary = str(role.props.get("permissionsBoundary") or "")
    if boundary.startswith("arn:aws:iam::aws:"):
        yield f"its boundary {boundary} belongs to AWS"


POLICIES: list[Policy] = [trust_providers_known, boundary_own]
