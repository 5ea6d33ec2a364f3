"""Policies for locks on objects: administrators must be able to end a lock, and a lock must not last for years."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.framework.controls import our_design
from policies.framework.declare import each_resource, part, setting
from policies.framework.durations import DAY_SECONDS
from policies.framework.kinds import kind
from policies.rules.storage import GCS_BUCKET, S3_LOCK


@each_resource(
    "multi-bucket-locks-limited",
    "Locks on objects end after some days, and an administrator can end them earlier.",
    of={S3_LOCK, GCS_BUCKET},
    severity=Severity.HIGH,
    control=our_design("published objects stay readable"),
    fix="Use the mode GOVERNANCE and at most the days of the setting `days`. On Google Cloud leave is_locked and "
    "default_event_based_hold out",
    config={"days": {"type": "integer", "minimum": 1, "default": 365}},
)
def locks_limited(args: ResourceValidationArgs) -> Iterator[str]:
    most = int(setting(args, "days", 365))
    if kind(args) == GCS_BUCKET:
        retention = part(args.props, "retentionPolicy")
        days = float(retention.get("retentionPeriod") or 0) / DAY_SECONDS
        if retention.get("isLocked") is True:
            yield "nobody can end its retention policy"
        if args.props.get("defaultEventBasedHold") is True:
            yield "every object is held until somebody releases it"
    else:
        retention = part(part(args.props, "rule"), "defaultRetention")
        days = int(retention.get("days") or 0) + 365 * int(retention.get("years") or 0)
        if retention and retention.get("mode") != "GOVERNANCE":
            yield f"nobody can end a lock with the mode {retention.get('mode')}"
    if days > most:
        yield f"objects are locked for {days:g} days, longer than {most}"


POLICIES: list[Policy] = [locks_limited]
