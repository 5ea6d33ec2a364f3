"""Test cases for the policies on the replication and versioning of buckets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import (
    GCS_BUCKET,
    PRIMARY,
    REPLICA,
    VERSIONED,
    Case,
    bucket,
    bucket_setting,
    replication,
)
from tests.policies.resources import resource

ENABLED = {"status": "Enabled"}
DISABLED = {"status": "Disabled"}
TIMED = {"bucket": "arn:aws:s3:::replica", "replicationTime": ENABLED, "metrics": ENABLED}


COMPLETE: dict[str, Any] = {
    "destination": TIMED,
    "deleteMarkerReplication": ENABLED,
    "sourceSelectionCriteria": {"sseKmsEncryptedObjects": ENABLED},
}


def lifecycle(action: str, days: Any, **more: Any) -> PolicyResource:
    rule: dict[str, Any] = {"status": "Enabled", "filter": {}, action: days, **more}
    return bucket_setting(PRIMARY, "BucketLifecycleConfiguration", {"rules": [rule]})


def uploads(**more: Any) -> PolicyResource:
    return lifecycle("abortIncompleteMultipartUpload", {"daysAfterInitiation": 7}, **more)


def google_rule(action: Mapping[str, str], **condition: Any) -> Mapping[str, Any]:
    return {"lifecycleRules": [{"action": action, "condition": condition}]}


def gcs_rule(action: str, condition: str, days: int) -> PolicyResource:
    return resource(GCS_BUCKET, {"lifecycleRules": [{"action": {"type": action}, "condition": {condition: days}}]})


CASES = [
    Case("multi-bucket-versioned", [PRIMARY], "no versioning belongs to the bucket"),
    Case(
        "multi-bucket-versioned",
        [PRIMARY, bucket_setting(PRIMARY, "BucketVersioning", {"versioningConfiguration": {"status": "Suspended"}})],
        "has the status 'Suspended'",
    ),
    Case("multi-bucket-versioned", [resource(GCS_BUCKET, {})], "versioning is not enabled"),
    Case(
        "multi-bucket-versioned",
        [
            PRIMARY,
            bucket_setting(PRIMARY, "BucketVersioning", VERSIONED),
            resource(GCS_BUCKET, {"versioning": {"enabled": True}}),
        ],
    ),
    Case("multi-bucket-replicated", [PRIMARY], "no rule for all objects replicates"),
    Case(
        "multi-bucket-replicated",
        [resource(GCS_BUCKET, {"location": "us-east1"})],
        "its objects are in 1 region, not in 2",
    ),
    Case(
        "multi-bucket-replicated",
        [PRIMARY, REPLICA, replication(status="Disabled")],
        "no rule for all objects",
        count=2,
    ),
    Case("multi-bucket-replicated", [PRIMARY, REPLICA, replication(filter={"prefix": "npm/"})], "no rule for", count=2),
    Case(
        "multi-bucket-replicated",
        [PRIMARY, REPLICA, replication(), bucket("third")],
        "third: no rule for all objects replicates",
    ),
    Case("multi-bucket-replicated", [PRIMARY, REPLICA, replication(filter={"prefix": ""})]),
    Case("multi-bucket-replicated", [PRIMARY, REPLICA, replication(destination={"bucket": UNKNOWN_STRING_VALUE})]),
    Case("multi-bucket-replicated", [PRIMARY], config={"regions": 1}),
    Case(
        "multi-bucket-replicated",
        [PRIMARY, bucket("logs"), bucket_setting(PRIMARY, "BucketLogging", {"targetBucket": "logs"})],
        "primary: no rule for all objects replicates",
    ),
    Case(
        "multi-bucket-replicated",
        [
            resource(
                GCS_BUCKET, {"location": "US", "customPlacementConfig": {"dataLocations": ["us-east1", "us-east4"]}}
            )
        ],
    ),
    Case(
        "multi-bucket-replicated",
        [PRIMARY, REPLICA, replication()],
        "its objects are in 2 regions, not in 3",
        config={"regions": 3},
        count=2,
    ),
    Case(
        "aws-s3-replication-stays-in-stack",
        [PRIMARY, REPLICA, replication(destination={"bucket": "arn:aws:s3:::elsewhere"})],
        "replicates to arn:aws:s3:::elsewhere, which is no bucket of the stack",
    ),
    Case("aws-s3-replication-stays-in-stack", [PRIMARY, REPLICA, replication()]),
    *[
        Case("multi-bucket-published-objects-kept", [PRIMARY, lifecycle(name, action, **more)], says)
        for name, action, more, says in (
            ("expiration", {"days": 30}, {}, "deletes objects after 30 days"),
            ("expiration", {"days": 30}, {"filter": {"prefix": "npm/"}}, "deletes objects after 30 days"),
            ("expiration", {"date": "2027-01-01"}, {}, "deletes objects on 2027-01-01"),
            ("transitions", [{"days": 1, "storageClass": "GLACIER"}], {}, "moves objects to GLACIER"),
        )
    ],
    *[
        Case("multi-bucket-published-objects-kept", [resource(GCS_BUCKET, props)], says)
        for props, says in (
            (google_rule({"type": "Delete"}, age=30), "does not count the days as an old version, but age 30"),
            (google_rule({"type": "SetStorageClass", "storageClass": "ARCHIVE"}), "moves objects to ARCHIVE"),
            ({"storageClass": "COLDLINE"}, "storage_class is COLDLINE"),
        )
    ],
    Case(
        "multi-bucket-published-objects-kept",
        [
            PRIMARY,
            lifecycle("expiration", {"expiredObjectDeleteMarker": True}),
            lifecycle("expiration", {"days": 30}, status="Disabled"),
            lifecycle("transitions", [{"days": 30, "storageClass": "INTELLIGENT_TIERING"}]),
            resource(GCS_BUCKET, google_rule({"type": "Delete"}, daysSinceNoncurrentTime=30, withState="ARCHIVED")),
        ],
    ),
    Case(
        "multi-bucket-published-objects-kept",
        [
            PRIMARY,
            lifecycle("expiration", {"days": 30}),
            REPLICA,
            bucket_setting(REPLICA, "BucketLogging", {"targetBucket": "primary"}),
        ],
    ),
    Case(
        "aws-s3-replication-timed-and-complete",
        [replication(**{**COMPLETE, "sourceSelectionCriteria": {}})],
        "does not enable sse_kms_encrypted_objects",
    ),
    Case(
        "aws-s3-replication-timed-and-complete",
        [replication(**{**COMPLETE, "destination": {**TIMED, "storageClass": "GLACIER"}})],
        "stores replicas as GLACIER",
    ),
    Case(
        "aws-s3-replication-timed-and-complete",
        [replication(**{**COMPLETE, "destination": {**TIMED, "metrics": {}}})],
        "does not enable metrics",
    ),
    Case(
        "aws-s3-replication-timed-and-complete",
        [replication(**{**COMPLETE, "destination": {**TIMED, "replicationTime": DISABLED}})],
        "does not enable replication_time",
    ),
    Case(
        "aws-s3-replication-timed-and-complete",
        [replication(**{**COMPLETE, "deleteMarkerReplication": {}})],
        "not enable delete_marker_replication",
    ),
    Case("aws-s3-replication-timed-and-complete", [replication(**COMPLETE)]),
    Case(
        "multi-bucket-incomplete-uploads-removed", [PRIMARY], "nothing removes incomplete uploads after 7 days or less"
    ),
    Case(
        "multi-bucket-incomplete-uploads-removed",
        [PRIMARY, uploads(status="Disabled")],
        "nothing removes incomplete uploads",
    ),
    Case(
        "multi-bucket-incomplete-uploads-removed",
        [PRIMARY, uploads(filter={"prefix": "npm/"})],
        "nothing removes incomplete uploads",
    ),
    Case("multi-bucket-incomplete-uploads-removed", [PRIMARY, uploads()], "after 3 days or less", config={"days": 3}),
    Case(
        "multi-bucket-incomplete-uploads-removed",
        [gcs_rule("AbortIncompleteMultipartUpload", "age", 8)],
        "nothing removes",
    ),
    Case(
        "multi-bucket-incomplete-uploads-removed",
        # S3 keeps only the configuration that is written last.
        [PRIMARY, uploads(), lifecycle("noncurrentVersionExpiration", {"noncurrentDays": 30})],
        "nothing removes incomplete uploads",
    ),
    Case("multi-bucket-incomplete-uploads-removed", [PRIMARY, uploads()]),
    Case("multi-bucket-incomplete-uploads-removed", [gcs_rule("AbortIncompleteMultipartUpload", "age", 7)]),
    Case("multi-bucket-old-versions-kept-and-expired", [PRIMARY, uploads()], "old versions are never deleted"),
    Case(
        "multi-bucket-old-versions-kept-and-expired",
        [PRIMARY, lifecycle("noncurrentVersionExpiration", {"noncurrentDays": 30}), uploads()],
        "old versions are never deleted",
    ),
    Case(
        "multi-bucket-old-versions-kept-and-expired",
        [PRIMARY, lifecycle("noncurrentVersionExpiration", {"noncurrentDays": 1})],
        "old versions are deleted after 1 days, not 7 to 365",
    ),
    Case(
        "multi-bucket-old-versions-kept-and-expired",
        [gcs_rule("Delete", "daysSinceNoncurrentTime", 400)],
        "are deleted after 400 days",
    ),
    Case(
        "multi-bucket-old-versions-kept-and-expired",
        [PRIMARY, lifecycle("noncurrentVersionExpiration", {"noncurrentDays": 30})],
    ),
    Case(
        "multi-bucket-old-versions-kept-and-expired",
        [PRIMARY, lifecycle("noncurrentVersionExpiration", {"noncurrentDays": 1})],
        config={"least_days": 1},
    ),
    Case(
        "multi-bucket-old-versions-kept-and-expired",
        [
            PRIMARY,
            lifecycle("noncurrentVersionExpiration", {"noncurrentDays": 1}),
            bucket_setting(REPLICA, "BucketLogging", {"targetBucket": "primary"}),
        ],
    ),
    Case("multi-bucket-old-versions-kept-and-expired", [gcs_rule("Delete", "daysSinceNoncurrentTime", 30)]),
    Case(
        "gcp-storage-bucket-soft-delete-enabled",
        [resource(GCS_BUCKET, {"softDeletePolicy": {"retentionDurationSeconds": 0}})],
        "deleted objects can be restored for 0 s only",
    ),
    Case("gcp-storage-bucket-soft-delete-enabled", [resource(GCS_BUCKET, {})]),
    Case(
        "gcp-storage-bucket-soft-delete-enabled",
        [resource(GCS_BUCKET, {"softDeletePolicy": {"retentionDurationSeconds": 0}})],
        config={"required": False},
    ),
]
