"""Pulumi policies that require copies of stored objects: replicas in other regions, and old versions that can be
restored.
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
    known,
    part,
    parts,
    setting,
    whole_stack,
)
from policies.framework.kinds import all_of, kind
from policies.framework.relations import refers_to
from policies.rules.lifecycles import is_for_everything
from policies.rules.storage import GCS_BUCKET, S3_BUCKET, is_log_bucket, of_bucket

_S3_REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
# Cloud Storage locations that cover several regions: multi-regions and predefined dual-regions (Cloud Storage, "Bucket
# locations").
_SPREAD_LOCATIONS = {"US", "EU", "ASIA", "NAM4", "EUR4", "EUR5", "EUR7", "EUR8", "ASIA1"}
_WEEK_SECONDS = 7 * 24 * 3600
_READABLE_CLASSES = {None, "", "STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR"}


@whole_stack(
    "multi-bucket-replicated",
    "The objects of every bucket are in several regions. Buckets of access logs are exempt.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.HIGH,
    control=foundational("S3.7"),
    fix="Name further regions in `artifact-edge:blobs.regions`. Replication rules are Enabled and for all objects",
    config={"regions": {"type": "integer", "minimum": 1, "default": 2}},
)
def replicated(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    wanted = int(setting(stack, "regions", 2))
    if is_log_bucket(bucket, stack) or wanted < 2:
        return
    if kind(bucket) == GCS_BUCKET:
        found = _google_regions(bucket)
    else:
        found = _s3_regions(bucket, stack)
        replications = list(all_of(stack, {_S3_REPLICATION}))
        if not any(_is_source(each, bucket) or _is_target(each, bucket) for each in replications):
            yield "no rule for all objects replicates to the bucket or from it"
            return
    if found < wanted:
        yield f"its objects are in {found} region{'s' * (found != 1)}, not in {wanted}"


@each_resource(
    "aws-s3-replication-timed-and-complete",
    "Replication has a deadline that S3 measures, includes deletions and encrypted objects, and archives nothing.",
    of={_S3_REPLICATION},
    severity=Severity.MEDIUM,
    control=well_architected("REL09-BP01"),
    fix="Enable replication_time and metrics of each rule's destination, its delete_marker_replication and its "
    "source_selection_criteria.sse_kms_encrypted_objects, and leave storage_class out",
)
def replication_timed_and_complete(args: ResourceValidationArgs) -> Iterator[str]:
    for rule in parts(args.props, "rules"):
        destination = part(rule, "destination")
        for name, holder in (
            ("replication_time", part(destination, "replicationTime")),
            ("metrics", part(destination, "metrics")),
            ("delete_marker_replication", part(rule, "deleteMarkerReplication")),
            ("sse_kms_encrypted_objects", part(part(rule, "sourceSelectionCriteria"), "sseKmsEncryptedObjects")),
        ):
            if holder.get("status") != "Enabled":
                yield f"rule {rule.get('id')} does not enable {name}"
        if destination.get("storageClass") not in _READABLE_CLASSES:
            yield f"rule {rule.get('id')} stores replicas as {destination.get('storageClass')}"


@whole_stack(
    "aws-s3-replication-stays-in-stack",
    "Objects are replicated to buckets of the same stack only.",
    of={_S3_REPLICATION},
    severity=Severity.CRITICAL,
    control=well_architected("SEC07-BP01"),
    fix="Name a bucket that the program creates as the rule's destination",
)
def replication_stays_in_stack(replication: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    own = {known(bucket.props, "arn") for bucket in all_of(stack, {S3_BUCKET})}
    own |= {f"arn:aws:s3:::{known(bucket.props, 'bucket')}" for bucket in all_of(stack, {S3_BUCKET})}
    for rule in parts(replication.props, "rules"):
        if (target := part(rule, "destination").get("bucket")) not in own:
            yield f"rule {rule.get('id')} replicates to {target}, which is no bucket of the stack"


@whole_stack(
    "gcp-storage-bucket-soft-delete-enabled",
    "Objects and whole buckets that were deleted within the last week can be restored in Cloud Storage.",
    of={GCS_BUCKET},
    severity=Severity.MEDIUM,
    control=well_architected("REL09-BP02"),
    fix="Set soft_delete_policy's retention_duration_seconds to 604800 or more",
    config={"required": LASTING},
)
def soft_delete_enabled(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if not setting(stack, "required", True) or is_log_bucket(bucket, stack):
        return
    kept = int(part(bucket.props, "softDeletePolicy").get("retentionDurationSeconds", _WEEK_SECONDS))
    if kept < _WEEK_SECONDS:
        yield f"deleted objects can be restored for {kept} s only"


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
            yield f"{each.name} has the status {status!r}"


def _s3_regions(bucket: PolicyResource, stack: StackValidationArgs) -> int:
    """Counts the regions that hold the objects of an S3 bucket: the bucket's own region, and the regions of other
    buckets that replicate objects from or to this bucket.
    """
    buckets = list(all_of(stack, {S3_BUCKET}))
    regions = {bucket.props.get("region")}
    for replication in all_of(stack, {_S3_REPLICATION}):
        ends = [each for each in buckets if _is_source(replication, each) or _is_target(replication, each)]
        if any(end.urn == bucket.urn for end in ends):
            regions |= {end.props.get("region") for end in ends}
    return len(regions)


def _is_source(replication: PolicyResource, bucket: PolicyResource) -> bool:
    return refers_to(replication, "bucket", bucket, ("bucket", "id")) and any(_complete_rules(replication))


def _is_target(replication: PolicyResource, bucket: PolicyResource) -> bool:
    """Returns whether an S3 replication rule for all objects has the bucket as its destination.

    The function compares the ARNs of the rules' destinations with the bucket's ARN. A destination may not be known yet.
    In this case, the function checks whether the property `rules` depends on the bucket.
    """
    arns = [known(part(rule, "destination"), "bucket") for rule in _complete_rules(replication)]
    if all(arns):
        return bool({known(bucket.props, "arn"), f"arn:aws:s3:::{known(bucket.props, 'bucket')}"} & set(arns))
    return any(dependency.urn == bucket.urn for dependency in replication.property_dependencies.get("rules", []))


def _complete_rules(replication: PolicyResource) -> list[Properties]:
    return [rule for rule in parts(replication.props, "rules") if is_for_everything(rule)]


def _google_regions(bucket: PolicyResource) -> int:
    if given(bucket.props, "customPlacementConfig"):
        return len(part(bucket.props, "customPlacementConfig").get("dataLocations") or [])
    return 2 if str(bucket.props.get("location")).upper() in _SPREAD_LOCATIONS else 1


POLICIES: list[Policy] = [
    replicated,
    replication_timed_and_complete,
    replication_stays_in_stack,
    soft_delete_enabled,
    versioned,
]
