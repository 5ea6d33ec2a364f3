"""Cases of copies and versions of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import GCS_BUCKET, PRIMARY, REPLICA, VERSIONED, Case, beside, bucket, replication
from tests.policies.resources import resource

ENABLED = {"status": "Enabled"}
DISABLED = {"status": "Disabled"}
TIMED = {"bucket": "arn:aws:s3:::replica", "replicationTime": ENABLED, "metrics": ENABLED}


def lifecycle(action: str, days: Mapping[str, int], **more: Any) -> PolicyResource:
    rule: dict[str, Any] = {"status": "Enabled", "filter": {}, action: days, **more}
    return beside(PRIMARY, "BucketLifecycleConfiguration", {"rules": [rule]})


def uploads(**more: Any) -> PolicyResource:
    return lifecycle("abortIncompleteMultipartUpload", {"daysAfterInitiation": 7}, **more)


def gcs_rule(action: str, condition: str, days: int) -> PolicyResource:
    return resource(GCS_BUCKET, {"lifecycleRules": [{"action": {"type": action}, "condition": {condition: days}}]})


CASES = [
    Case("multi-bucket-versioned", [PRIMARY], "no versioning belongs to the bucket"),
    Case(
        "multi-bucket-versioned",
        [PRIMARY, beside(PRIMARY, "BucketVersioning", {"versioningConfiguration": {"status": "Suspended"}})],
        "says 'Suspended'",
    ),
    Case("multi-bucket-versioned", [resource(GCS_BUCKET, {})], "versioning is not enabled"),
    Case(
        "multi-bucket-versioned",
        [
            PRIMARY,
            beside(PRIMARY, "BucketVersioning", VERSIONED),
            resource(GCS_BUCKET, {"versioning": {"enabled": True}}),
        ],
    ),
    Case("multi-bucket-replicated", [PRIMARY], "its objects stand in 1 region; 2 are asked for"),
    Case("multi-bucket-replicated", [resource(GCS_BUCKET, {"location": "us-east1"})], "stand in 1 region"),
    Case("multi-bucket-replicated", [PRIMARY, REPLICA, replication(status="Disabled")], "stand in 1 region", count=2),
    Case("multi-bucket-replicated", [PRIMARY, REPLICA, replication(filter={"prefix": "npm/"})], "in 1 region", count=2),
    Case(
        "multi-bucket-replicated",
        [PRIMARY, REPLICA, replication(), bucket("third")],
        "third: its objects stand in 1 region",
    ),
    Case("multi-bucket-replicated", [PRIMARY, REPLICA, replication(filter={"prefix": ""})]),
    Case("multi-bucket-replicated", [PRIMARY, REPLICA, replication(destination={"bucket": UNKNOWN_STRING_VALUE})]),
    Case("multi-bucket-replicated", [PRIMARY], config={"regions": 1}),
    Case(
        "multi-bucket-replicated",
        [PRIMARY, bucket("logs"), beside(PRIMARY, "BucketLogging", {"targetBucket": "logs"})],
        "primary: its objects stand in 1 region",
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
        "aws-s3-replication-timed-and-complete",
        [replication(destination={**TIMED, "metrics": {}}, deleteMarkerReplication=ENABLED)],
        "does not enable metrics",
    ),
    Case(
        "aws-s3-replication-timed-and-complete",
        [replication(destination={**TIMED, "replicationTime": DISABLED}, deleteMarkerReplication=ENABLED)],
        "does not enable replication_time",
    ),
    Case(
        "aws-s3-replication-timed-and-complete",
        [replication(destination=TIMED)],
        "not enable delete_marker_replication",
    ),
    Case("aws-s3-replication-timed-and-complete", [replication(destination=TIMED, deleteMarkerReplication=ENABLED)]),
    Case(
        "multi-bucket-incomplete-uploads-removed", [PRIMARY], "nothing removes unfinished uploads after 7 days or less"
    ),
    Case(
        "multi-bucket-incomplete-uploads-removed",
        [PRIMARY, uploads(status="Disabled")],
        "nothing removes unfinished uploads",
    ),
    Case(
        "multi-bucket-incomplete-uploads-removed",
        [PRIMARY, uploads(filter={"prefix": "npm/"})],
        "nothing removes unfinished uploads",
    ),
    Case("multi-bucket-incomplete-uploads-removed", [PRIMARY, uploads()], "after 3 days or less", config={"days": 3}),
    Case(
        "multi-bucket-incomplete-uploads-removed",
        [gcs_rule("AbortIncompleteMultipartUpload", "age", 8)],
        "nothing removes",
    ),
    Case("multi-bucket-incomplete-uploads-removed", [PRIMARY, uploads()]),
    Case("multi-bucket-incomplete-uploads-removed", [gcs_rule("AbortIncompleteMultipartUpload", "age", 7)]),
    Case("multi-bucket-old-versions-kept-and-expired", [PRIMARY, uploads()], "old versions never end"),
    Case(
        "multi-bucket-old-versions-kept-and-expired",
        [PRIMARY, lifecycle("noncurrentVersionExpiration", {"noncurrentDays": 1})],
        "old versions end after 1 days, not 7 to 365",
    ),
    Case(
        "multi-bucket-old-versions-kept-and-expired",
        [gcs_rule("Delete", "daysSinceNoncurrentTime", 400)],
        "end after 400 days",
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
            beside(REPLICA, "BucketLogging", {"targetBucket": "primary"}),
        ],
    ),
    Case("multi-bucket-old-versions-kept-and-expired", [gcs_rule("Delete", "daysSinceNoncurrentTime", 30)]),
    Case(
        "gcp-storage-bucket-soft-delete-enabled",
        [resource(GCS_BUCKET, {"softDeletePolicy": {"retentionDurationSeconds": 0}})],
        "deleted objects are gone after 0 s",
    ),
    Case("gcp-storage-bucket-soft-delete-enabled", [resource(GCS_BUCKET, {})]),
    Case(
        "gcp-storage-bucket-soft-delete-enabled",
        [resource(GCS_BUCKET, {"softDeletePolicy": {"retentionDurationSeconds": 0}})],
        config={"required": False},
    ),
]
