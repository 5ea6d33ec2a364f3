"""Policies for copies of objects: replicas in other regions, and old versions that can be restored for a limited
time.
"""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import foundational, well_architected
from policies.framework.declare import (
    LASTING,
    Properties,
    each_resource,
    given,
    kind,
    known,
    part,
    parts,
    setting,
    whole_stack,
)
from policies.framework.relations import all_of, refers_to
from policies.rules.storage import GCS_BUCKET, S3_BUCKET, of_bucket, takes_logs

_S3_REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
_S3_LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
# Cloud Storage locations that cover several regions: multi-regions and predefined dual-regions (Cloud Storage, "Bucket
# locations").
_SPREAD_LOCATIONS = {"US", "EU", "ASIA", "NAM4", "EUR4", "EUR5", "EUR7", "EUR8", "ASIA1"}
_WEEK_SECONDS = 7 * 24 * 3600


@whole_stack(
    "multi-bucket-replicated",
    "Every bucket's objects also stand in another region; access logs, which describe one region, need not.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.HIGH,
    control=foundational("S3.7"),
    fix="Name a second region in `artifact-edge:blobs.regions`; replication rules are Enabled and for all objects",
    config={"regions": {"type": "integer", "minimum": 1, "default": 2}},
)
def replicated(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if takes_logs(bucket, stack):
        return
    wanted = int(setting(stack, "regions", 2))
    found = _gcs_regions(bucket) if kind(bucket) == GCS_BUCKET else _s3_regions(bucket, stack)
    if found < wanted:
        yield f"its objects stand in {found} region{'s' * (found != 1)}; {wanted} are asked for"


@each_resource(
    "aws-s3-replication-timed-and-complete",
    "Replication has a deadline that S3 keeps and measures, and takes deletions along.",
    of={_S3_REPLICATION},
    severity=Severity.MEDIUM,
    control=well_architected("REL09-BP01"),
    fix="Enable replication_time and metrics of each rule's destination, and its delete_marker_replication",
)
def timed_and_whole(args: ResourceValidationArgs) -> Iterator[str]:
    for rule in parts(args.props, "rules"):
        destination = part(rule, "destination")
        for name, holder in (
            ("replication_time", part(destination, "replicationTime")),
            ("metrics", part(destination, "metrics")),
            ("delete_marker_replication", part(rule, "deleteMarkerReplication")),
        ):
            if holder.get("status") != "Enabled":
                yield f"rule {rule.get('id')} does not enable {name}"


@whole_stack(
    "multi-bucket-incomplete-uploads-removed",
    "What was uploaded in parts and never finished is removed: it is paid for, and nobody sees it.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.LOW,
    control=foundational("S3.13"),
    fix="Add a lifecycle rule for all objects that aborts incomplete multipart uploads",
    config={"days": {"type": "integer", "minimum": 1, "default": 7}},
)
def abandoned_uploads_end(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if takes_logs(bucket, stack):
        return  # the clouds write access logs in whole objects, without multipart uploads
    most = int(setting(stack, "days", 7))
    if kind(bucket) == GCS_BUCKET:
        ages = _gcs_days(bucket, "AbortIncompleteMultipartUpload", "age")
    else:
        ages = _s3_days(bucket, stack, "abortIncompleteMultipartUpload", "daysAfterInitiation")
    if not any(age <= most for age in ages):
        yield f"nothing removes unfinished uploads after {most} days or less"


@whole_stack(
    "multi-bucket-old-versions-kept-and-expired",
    "Overwritten and deleted objects can be had back for a while, and then end.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.MEDIUM,
    control=foundational("S3.10"),
    fix="Set `artifact-edge:blobs.noncurrent_days`",
    config={
        "least_days": {"type": "integer", "minimum": 1, "default": 7},
        "most_days": {"type": "integer", "minimum": 1, "default": 365},
    },
)
def old_versions_end(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    # Access logs are never overwritten, so only expired logs have old versions.
    least = 1 if takes_logs(bucket, stack) else int(setting(stack, "least_days", 7))
    most = int(setting(stack, "most_days", 365))
    if kind(bucket) == GCS_BUCKET:
        ages = _gcs_days(bucket, "Delete", "daysSinceNoncurrentTime")
    else:
        ages = _s3_days(bucket, stack, "noncurrentVersionExpiration", "noncurrentDays")
    if not ages:
        yield "old versions never end"
    for age in ages:
        if not least <= age <= most:
            yield f"old versions end after {age} days, not {least} to {most}"


@whole_stack(
    "gcp-storage-bucket-soft-delete-enabled",
    "Cloud Storage gives back objects and whole buckets that were deleted within the last week.",
    of={GCS_BUCKET},
    severity=Severity.MEDIUM,
    control=well_architected("REL09-BP02"),
    fix="Set soft_delete_policy's retention_duration_seconds to 604800 or more",
    config={"required": LASTING},
)
def removed_objects_recoverable(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if not setting(stack, "required", True) or takes_logs(bucket, stack):
        return
    kept = int(part(bucket.props, "softDeletePolicy").get("retentionDurationSeconds", _WEEK_SECONDS))
    if kept < _WEEK_SECONDS:
        yield f"deleted objects are gone after {kept} s"


@whole_stack(
    "multi-bucket-versioned",
    "Every bucket keeps overwritten and deleted objects as versions.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.HIGH,
    control=foundational("S3.14"),
    fix="Enable versioning: an aws.s3.BucketVersioning with status Enabled, or `versioning` of the gcp.storage.Bucket",
)
def versioned(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if kind(bucket) == GCS_BUCKET:
        if part(bucket.props, "versioning").get("enabled") is not True:
            yield "versioning is not enabled"
        return
    settings = of_bucket(bucket, "aws:s3/bucketVersioning:BucketVersioning", stack)
    if not settings:
        yield "no versioning belongs to the bucket"
    for each in settings:
        status = part(each.props, "versioningConfiguration").get("status")
        if status != "Enabled":
            yield f"{each.name} says {status!r}"


def _s3_regions(bucket: PolicyResource, stack: StackValidationArgs) -> int:
    """Returns the number of regions that hold the objects of a bucket, which may be the source or the target of a
    replication."""
    buckets = list(all_of(stack, {S3_BUCKET}))
    regions = {bucket.props.get("region")}
    for replication in all_of(stack, {_S3_REPLICATION}):
        if not all(_is_for_everything(rule) for rule in parts(replication.props, "rules")):
            continue
        ends = [each for each in buckets if _is_source(replication, each) or _is_target(replication, each)]
        if any(end.urn == bucket.urn for end in ends):
            regions |= {end.props.get("region") for end in ends}
    return len(regions)


def _is_for_everything(rule: Properties) -> bool:
    """Returns whether a rule is enabled and applies to all objects."""
    narrowed = rule.get("prefix") or any(part(rule, "filter").values())
    return rule.get("status") == "Enabled" and not narrowed


def _is_source(replication: PolicyResource, bucket: PolicyResource) -> bool:
    return refers_to(replication, "bucket", bucket, ("bucket", "id"))


def _is_target(replication: PolicyResource, bucket: PolicyResource) -> bool:
    if any(dependency.urn == bucket.urn for dependency in replication.property_dependencies.get("rules", [])):
        return True
    arns = [known(part(rule, "destination"), "bucket") for rule in parts(replication.props, "rules")]
    return known(bucket.props, "arn") in {arn for arn in arns if arn}


def _gcs_regions(bucket: PolicyResource) -> int:
    if given(bucket.props, "customPlacementConfig"):
        return len(part(bucket.props, "customPlacementConfig").get("dataLocations") or [])
    return 2 if str(bucket.props.get("location")).upper() in _SPREAD_LOCATIONS else 1


def _s3_days(bucket: PolicyResource, stack: StackValidationArgs, action: str, name: str) -> list[int]:
    """Returns the days after which each lifecycle rule for all of the bucket's objects takes the action."""
    rules = [
        rule
        for lifecycle in of_bucket(bucket, _S3_LIFECYCLE, stack)
        for rule in parts(lifecycle.props, "rules")
        if _is_for_everything(rule)
    ]
    return [int(part(rule, action)[name]) for rule in rules if given(part(rule, action), name)]


def _gcs_days(bucket: PolicyResource, action: str, name: str) -> list[int]:
    rules = [rule for rule in parts(bucket.props, "lifecycleRules") if part(rule, "action").get("type") == action]
    return [int(part(rule, "condition")[name]) for rule in rules if given(part(rule, "condition"), name)]


POLICIES: list[Policy] = [
    replicated,
    timed_and_whole,
    abandoned_uploads_end,
    old_versions_end,
    removed_objects_recoverable,
    versioned,
]
