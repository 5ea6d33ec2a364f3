"""Decides whether IAM policies allow a request. The caller's role and the requested resource belong to one AWS account.

Source: IAM User Guide, "Policy evaluation logic", "IAM JSON policy elements: Principal". Elements, operators and keys
that this project's policies do not use raise UnknownCondition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from emulation.aws.conditions import UnknownCondition, Values, holds, like, texts

# The values of IAM condition keys that every request to the emulated S3 has. Clients in the sandbox use no TLS, but the
# values say that each request uses TLS 1.3.
COMMON_CONTEXT = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}

# The IAM condition keys that the emulated AWS can derive from a request.
KEYS = frozenset(
    {
        *COMMON_CONTEXT,
        "aws:SourceIp",
        "aws:SourceVpce",
        "application-autoscaling:service-namespace",
        "aws:RequestTag/environment",
        "aws:ResourceTag/environment",
        "cloudwatch:namespace",
        "dynamodb:LeadingKeys",
        "iam:AWSServiceName",
        "iam:PassedToService",
        "iam:PermissionsBoundary",
        "lambda:FunctionArn",
        "kms:EncryptionContext:aws:s3:arn",
        "s3:prefix",
        "kms:ViaService",
    }
)

Policy = Mapping[str, Any]

_ELEMENTS = frozenset({"Sid", "Effect", "Principal", "Action", "Resource", "Condition"})
_PRINCIPALS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})


@dataclass(frozen=True)
class AuthorizationRequest:
    """An AWS API request that is checked against policies: a role session requests one action on a resource. `context`
    holds the request's values for condition keys, such as its source address."""

    # The ARNs of the caller's IAM role, of the role session, and of the requested resource.
    role: str
    session: str
    resource: str
    action: str
    context: Mapping[str, Values]

    @property
    def account(self) -> str:
        return self.role.split(":")[4]


def is_allowed(
    request: AuthorizationRequest,
    role_policies: Iterable[Policy],
    resource_policy: Policy | None,
    endpoint_policy: Policy | None,
    boundary: Policy | None = None,
) -> bool:
    """Returns whether the IAM policies allow the request.

    A Deny in any policy refuses the request. Otherwise the role's policies or the resource's policy must allow the
    request. If the request goes through a VPC endpoint, `endpoint_policy` must allow the request too. If the role has a
    permissions boundary, `boundary` must allow the request too, even if the resource's policy allows it (IAM User
    Guide, "Permissions boundaries for IAM entities"). Raises UnknownCondition when a policy has an element or condition
    that is not emulated.
    """
    by_role = {effect for policy in role_policies for effect in _effects(policy, request, names_principals=False)}
    by_resource = set(_effects(resource_policy, request, names_principals=True) if resource_policy else ())
    by_endpoint = set(_effects(endpoint_policy, request, names_principals=True)) if endpoint_policy else {"Allow"}
    by_boundary = set(_effects(boundary, request, names_principals=False)) if boundary else {"Allow"}
    if "Deny" in by_role | by_resource | by_endpoint | by_boundary:
        return False
    return "Allow" in by_endpoint & by_boundary and "Allow" in by_role | by_resource


def service_may_assume(policy: Policy, service: str) -> bool:
    """Returns whether a role's trust policy lets an AWS service assume the role."""
    return any(
        statement["Effect"] == "Allow"
        and "sts:AssumeRole" in texts(statement["Action"])
        and service in texts(statement["Principal"].get("Service"))
        for statement in policy["Statement"]
    )


def _effects(policy: Policy, request: AuthorizationRequest, *, names_principals: bool) -> Iterator[str]:
    """Yields "Allow" or "Deny" for each policy statement that applies to the request. Conditions are checked last, so
    an unknown condition is an error only in a statement whose action, resource and principal match the request.
    """
    for statement in _statements(policy):
        unknown = statement.keys() - _ELEMENTS
        if unknown:
            raise UnknownCondition(f"policy element {', '.join(sorted(unknown))} is not emulated")
        if (
            any(like(each.lower(), request.action.lower()) for each in texts(statement["Action"]))
            and any(like(each, request.resource) for each in texts(statement["Resource"]))
            and (not names_principals or _matches_principal(statement["Principal"], statement["Effect"], request))
            and holds(statement.get("Condition", {}), request.context, KEYS)
        ):
            yield statement["Effect"]


def _statements(policy: Policy) -> list[Mapping[str, Any]]:
    found = policy["Statement"]
    return [found] if isinstance(found, Mapping) else found


def _matches_principal(principal: Any, effect: str, request: AuthorizationRequest) -> bool:
    """Returns whether the principal of a policy statement includes the role that sends the request. A Deny for the
    account's root user applies to all roles of the account. An Allow for the root user gives a role no permission by
    itself.
    """
    if principal == "*":
        return True
    named = cast(dict[str, Any], principal if isinstance(principal, dict) else {})
    if not named or not named.keys() <= _PRINCIPALS:
        raise UnknownCondition(f"policy principal {principal!r} is not emulated")
    matching = {"*", request.role, request.session}
    if effect == "Deny":
        matching |= {request.account, f"arn:aws:iam::{request.account}:root"}
    return not matching.isdisjoint(texts(named.get("AWS")))
