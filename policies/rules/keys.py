"""Policies for encryption keys: keys are enabled and rotated, and their deletion is delayed."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.framework.controls import cis_aws, foundational, well_architected
from policies.framework.declare import each_resource, setting
from policies.framework.kinds import kind

KEY = "aws:kms/key:Key"
REPLICA_KEY = "aws:kms/replicaKey:ReplicaKey"
GOOGLE_KEY = "gcp:kms/cryptoKey:CryptoKey"
_GOOGLE_VERSION = "gcp:kms/cryptoKeyVersion:CryptoKeyVersion"
_DAY_SECONDS = 24 * 3600
_YEAR_DAYS = 366
_YEAR_SECONDS = _YEAR_DAYS * _DAY_SECONDS


@each_resource(
    "multi-key-rotated",
    "Every key gets new key material within a year, so that leaked key material opens the data of one year at most.",
    of={KEY, GOOGLE_KEY},
    severity=Severity.MEDIUM,
    control=cis_aws("3.6"),
    fix="Set enable_key_rotation to true; on Google Cloud a rotation_period of a year or less",
)
def rotated(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == KEY:
        if args.props.get("enableKeyRotation") is not True:
            yield "enable_key_rotation is not true"
        # By default, KMS rotates a key after 365 days.
        if (days := int(args.props.get("rotationPeriodInDays") or 365)) > _YEAR_DAYS:
            yield f"rotation_period_in_days is {days}"
        return
    period = str(args.props.get("rotationPeriod") or "")
    if not period.endswith("s") or float(period.removesuffix("s")) > _YEAR_SECONDS:
        yield f"rotation_period is {period or 'not set'}"


@each_resource(
    "multi-key-enabled",
    "Every key is enabled. Without its key, encrypted data cannot be read.",
    of={KEY, REPLICA_KEY, _GOOGLE_VERSION},
    severity=Severity.HIGH,
    control=well_architected("SEC08-BP01"),
    fix="Leave is_enabled (of a replica key: enabled) out. On Google Cloud, set the version's state to ENABLED",
)
def enabled(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == _GOOGLE_VERSION:
        state = args.props.get("state") or "ENABLED"
        if state != "ENABLED":
            yield f"the key version has the state {state}"
    elif args.props.get("isEnabled" if kind(args) == KEY else "enabled") is False:
        yield "the key is disabled"


@each_resource(
    "aws-kms-key-deletion-delayed",
    "A key whose deletion was scheduled can be recovered for a while, and with it everything that it encrypts.",
    of={KEY, REPLICA_KEY},
    severity=Severity.HIGH,
    control=foundational("KMS.3"),
    fix="Raise deletion_window_in_days; `artifact-edge:protect` makes it 30",
    config={"days": {"type": "integer", "minimum": 7, "maximum": 30, "default": 30}},
)
def deletion_delayed(args: ResourceValidationArgs) -> Iterator[str]:
    # by default, KMS uses the longest deletion window, 30 days
    days = int(args.props.get("deletionWindowInDays") or 30)
    if days < int(setting(args, "days", 30)):
        yield f"a deleted key can be recovered for {days} days only"


@each_resource(
    "gcp-kms-key-destruction-delayed",
    "A key version on Google Cloud whose destruction was scheduled can be restored for a while.",
    of={GOOGLE_KEY},
    severity=Severity.HIGH,
    control=foundational("KMS.3"),
    fix="Leave destroy_scheduled_duration out, or raise it",
    config={"days": {"type": "integer", "minimum": 1, "maximum": 120, "default": 30}},
)
def destruction_delayed(args: ResourceValidationArgs) -> Iterator[str]:
    # By default, Cloud KMS delays the destruction by 30 days (Cloud KMS, "Destroy and restore key versions").
    duration = str(args.props.get("destroyScheduledDuration") or f"{30 * _DAY_SECONDS}s")
    days = float(duration.removesuffix("s")) / _DAY_SECONDS
    if days < int(setting(args, "days", 30)):
        yield f"a destroyed key version can be restored for {days:g} days only"


POLICIES: list[Policy] = [rotated, enabled, deletion_delayed, destruction_delayed]
