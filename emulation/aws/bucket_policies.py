"""Evaluates the conditions in the policies of emulated S3 buckets. moto 5.2 ignores conditions and treats a conditional
Deny as an unconditional one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3 import models

from emulation.aws.conditions import holds
from emulation.aws.policies import COMMON_CONTEXT


def patch_bucket_policies() -> None:
    """Makes moto evaluate the conditions of bucket policies."""
    cast(Any, models.FakeBucket).get_permission = permission


def permission(bucket: Any, action: str, resource: str) -> PermissionResult:
    """Replaces `moto.s3.models.FakeBucket.get_permission`, and ignores the policy statements whose conditions do not
    hold."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    statements = list(_applicable_statements(json.loads(bucket.policy.decode())))
    return IAMPolicy(json.dumps({"Statement": statements})).is_action_permitted(action, resource)


def _applicable_statements(policy: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the statements of a bucket policy whose conditions hold. The conditions are removed from the statements,
    because moto cannot evaluate conditions.

    Statements whose principal is an AWS service are left out, because no AWS service sends requests to the emulated S3.
    The conditions of these statements have keys like `aws:SourceArn`. The emulation cannot evaluate such keys, because
    requests from other callers have no values for them.
    """
    for statement in policy["Statement"]:
        principal = statement["Principal"]
        if isinstance(principal, dict) and cast("dict[str, Any]", principal).keys() == {"Service"}:
            continue
        if holds(statement.get("Condition", {}), COMMON_CONTEXT, COMMON_CONTEXT):
            yield {name: value for name, value in statement.items() if name != "Condition"}
