"""Conditions in bucket policies. moto 5.2 does not evaluate them: a conditional Deny is a Deny of everything to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3 import models

_OF_EVERY_REQUEST = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
"""The emulated S3 stands where AWS's does behind its TLS: whatever arrives counts as having come by TLS 1.3."""


class UnknownCondition(Exception):
    """A bucket policy has a condition that is not emulated; the message names it."""


def heed_conditions() -> None:
    """Makes moto evaluate them from now on."""
    cast(Any, models.FakeBucket).get_permission = _permission


def _permission(bucket: Any, action: str, resource: str) -> PermissionResult:
    """Stands in for `moto.s3.models.FakeBucket.get_permission`."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    statements = list(_in_force(json.loads(bucket.policy.decode())))
    return IAMPolicy(json.dumps({"Statement": statements})).is_action_permitted(action, resource)


def _in_force(policy: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The statements whose conditions hold, without them."""
    for statement in policy["Statement"]:
        conditions: Mapping[str, Mapping[str, str]] = statement.get("Condition", {})
        if all(_holds(operator, key, value) for operator, of in conditions.items() for key, value in of.items()):
            yield {name: value for name, value in statement.items() if name != "Condition"}


def _holds(operator: str, key: str, value: str) -> bool:
    if key not in _OF_EVERY_REQUEST or operator not in ("Bool", "NumericLessThan"):
        raise UnknownCondition(f"bucket policy condition {operator} {key} is not emulated")
    actual = _OF_EVERY_REQUEST[key]
    return actual == value if operator == "Bool" else float(actual) < float(value)
