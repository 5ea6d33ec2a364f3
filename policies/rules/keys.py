"""The keys that encrypt what is kept: ours, renewed every year, and never gone at once."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import cis_aws, foundational, well_architected
from policies.framework.declare import each_resource, given, kind, part, parts, setting, whole_stack
from policies.rules.storage import GCS_BUCKET, S3_BUCKET, of_bucket, takes_logs

KEY = "aws:kms/key:Key"
REPLICA_KEY = "aws:kms/replicaKey:ReplicaKey"
_GCP_KEY = "gcp:kms/cryptoKey:CryptoKey"
_YEAR_SECONDS = 366 * 24 * 3600


@each_resource(
    "key-rotated",
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
    "key-deletion-waits",
    "A key that was given up, and all that it encrypts, can still be brought back for a while.",
    of={KEY, REPLICA_KEY},
    severity=Severity.HIGH,
    control=foundational("KMS.3"),
    fix="Raise deletion_window_in_days; `artifact-edge:protect` makes it 30",
    config={"days": {"type": "integer", "minimum": 7, "maximum": 30, "default": 30}},
)
def deletion_waits(args: ResourceValidationArgs) -> Iterator[str]:
    days = int(args.props.get("deletionWindowInDays") or 30)  # KMS waits longest where nothing is said
    if days < int(setting(args, "days", 30)):
        yield f"it is gone {days} days after it was given up"


@whole_stack(
    "bucket-key-is-ours",
    "Published objects are encrypted with a key whose use this account decides on and sees.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.MEDIUM,
    control=well_architected("SEC08-BP01"),
    fix="On S3 use aws:kms with kms_master_key_id and bucket_key_enabled; on Cloud Storage default_kms_key_name",
)
def key_is_ours(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if takes_logs(bucket, stack):
        return  # S3 takes its own key only for these
    if kind(bucket) == GCS_BUCKET:
        if not given(part(bucket.props, "encryption"), "defaultKmsKeyName"):
            yield "Google's own key encrypts its objects"
        return
    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"  # noqa: S105
    configured = of_bucket(bucket, token, stack)
    if not configured:
        yield "no encryption configuration belongs to the bucket"
    for each in configured:
        for rule in parts(each.props, "rules"):
            chosen = part(rule, "applyServerSideEncryptionByDefault")
            if chosen.get("sseAlgorithm") not in ("aws:kms", "aws:kms:dsse"):
                yield f"{each.name} says {chosen.get('sseAlgorithm')!r}"
            elif not given(chosen, "kmsMasterKeyId"):
                yield f"{each.name} names no key, and so takes AWS's own"
            elif rule.get("bucketKeyEnabled") is not True:
                yield f"{each.name} asks KMS for each object: bucket_key_enabled is not true"


POLICIES: list[Policy] = [rotated, deletion_waits, key_is_ours]
