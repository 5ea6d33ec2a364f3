"""What IAM makes of policies: the evaluation of a request within one account.

Source: IAM User Guide, "Policy evaluation logic", "IAM JSON policy elements: Principal". Elements, operators and keys
that this program's policies do not use are refused: UnknownCondition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from emulation.aws.conditions import UnknownCondition, holds, like, texts

OF_EVERY_REQUEST = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
"""The emulated S3 stands where AWS's does behind its TLS: whatever arrives counts as having come by TLS 1.3."""

KEYS = frozenset({*OF_EVERY_REQUEST, "aws:SourceIp", "aws:SourceVpce"})
"""Condition keys that the emulated AWS knows of a request."""

Policy = Mapping[str, Any]

_ELEMENTS = frozenset({"Sid", "Effect", "Principal", "Action", "Resource", "Condition"})
_PRINCIPALS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})


@dataclass(frozen=True)
class Asked:
    """One action of one session of a role. `context` has the values of KEYS, as far as the request has them."""

    role: str  # ARNs, like the next two
    session: str
    resource: str
    action: str
    context: Mapping[str, str]

    @property
    def account(self) -> str:
        return self.role.split(":")[4]


def is_allowed(asked: Asked, of_role: Iterable[Policy], of_resource: Policy | None, of_way: Policy | None) -> bool:
    """One refusal anywhere is enough; else the role's policies or the resource's must allow it, and the policy of the
    endpoint through which it came, if it came through one. Raises UnknownCondition."""
    by_role = {effect for policy in of_role for effect in _effects(policy, asked, names_principals=False)}
    by_resource = set(_effects(of_resource, asked, names_principals=True) if of_resource else ())
    by_way = set(_effects(of_way, asked, names_principals=True)) if of_way else {"Allow"}
    if "Deny" in by_role | by_resource | by_way:
        return False
    return "Allow" in by_way and "Allow" in by_role | by_resource


def service_may_assume(policy: Policy, service: str) -> bool:
    """Whether a role's trust policy lets an AWS service take it on."""
    return any(
        statement["Effect"] == "Allow"
        and "sts:AssumeRole" in texts(statement["Action"])
        and service in texts(statement["Principal"].get("Service"))
        for statement in policy["Statement"]
    )


def _effects(policy: Policy, asked: Asked, *, names_principals: bool) -> Iterator[str]:
    """Those of the statements that speak of the request. Conditions are looked at last: others' may be unknown."""
    for statement in _statements(policy):
        unknown = statement.keys() - _ELEMENTS
        if unknown:
            raise UnknownCondition(f"policy element {', '.join(sorted(unknown))} is not emulated")
        if (
            any(like(each.lower(), asked.action.lower()) for each in texts(statement["Action"]))
            and any(like(each, asked.resource) for each in texts(statement["Resource"]))
            and (not names_principals or _is_meant(statement["Principal"], statement["Effect"], asked))
            and holds(statement.get("Condition", {}), asked.context, KEYS)
        ):
            yield statement["Effect"]


def _statements(policy: Policy) -> list[Mapping[str, Any]]:
    found = policy["Statement"]
    return [found] if isinstance(found, Mapping) else found


def _is_meant(principal: Any, effect: str, asked: Asked) -> bool:
    """The account as a whole is refused with its root, but allowed only by what its own policies say besides."""
    if principal == "*":
        return True
    named = cast(dict[str, Any], principal if isinstance(principal, dict) else {})
    if not named or not named.keys() <= _PRINCIPALS:
        raise UnknownCondition(f"policy principal {principal!r} is not emulated")
    meant = {"*", asked.role, asked.session}
    if effect == "Deny":
        meant |= {asked.account, f"arn:aws:iam::{asked.account}:root"}
    return not meant.isdisjoint(texts(named.get("AWS")))
