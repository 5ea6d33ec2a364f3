"""Policies for encryption keys: keys are rotated every year, and their deletion is delayed."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.framework.controls import cis_aws, foundational
from policies.framework.declare import each_resource, kind, setting

KEY = "aws:kms/key:Key"
REPLICA_KEY = "aws:kms/replicaKey:ReplicaKey"
_GCP_KEY = "gcp:kms/cryptoKey:CryptoKey"
_YEAR_SECONDS = 366 * 24 * 3600


@each_resource(
    "multi-key-rotated",
    "What a key encrypts is spread over new key material every year, so that what leaks is one year's at most.",
    of={KEY, _GCP_KEY},
    severity=Severity.MEDIUM,
    control=cis_aws("3.6"),
    fix="Set enable_key_rotation to true; on Google Cloud a rotation_period of a year or less",
)
def rotated(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == KEY:
        if args.props.get("enableKeyRotation") is not True:
            yield "enable_key_rotation is not true"
        return
    period = str(args.props.get("rotationPeriod") or "")
    if not period.endswith("s") or float(period.removesuffix("s")) > _YEAR_SECONDS:
        yield f"rotation_period is {period or 'not set'}"


@each_resource(
    "aws-kms-key-deletion-delayed",
    "A key that was given up, and all that it encrypts, can still be brought back for a while.",
    of={KEY, REPLICA_KEY},
    severity=Severity.HIGH,
    control=foundational("KMS.3"),
    fix="Raise deletion_window_in_days; `artifact-edge:protect` makes it 30",
    config={"days": {"type": "integer", "minimum": 7, "maximum": 30, "default": 30}},
)
def deletion_waits(args: ResourceValidationArgs) -> Iterator[str]:
    days = int(args.props.get("deletionWindowInDays") or 30)  # KMS uses the longest window, 30 days, by default
    if days < int(setting(args, "days", 30)):
        yield f"it is gone {days} days after it was given up"


POLICIES: list[Policy] = [rotated, deletion_waits]
