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
    Case("bucket-versioned", [PRIMARY], "no versioning belongs to the bucket"),
    Case(
        "bucket-versioned",
        [PRIMARY, beside(PRIMARY, "BucketVersioning", {"versioningConfiguration": {"status": "Suspended"}})],
        "says 'Suspended'",
    ),
    Case("bucket-versioned", [resource(GCS_BUCKET, {})], "versioning is not enabled"),
    Case(
        "bucket-versioned",
        [
            PRIMARY,
            beside(PRIMARY, "BucketVersioning", VERSIONED),
            resource(GCS_BUCKET, {"versioning": {"enabled": True}}),
        ],
    ),
    Case("bucket-replicated", [PRIMARY], "its objects stand in 1 region; 2 are asked for"),
    Case("bucket-replicated", [resource(GCS_BUCKET, {"location": "us-east1"})], "stand in 1 region"),
    Case("bucket-replicated", [PRIMARY, REPLICA, replication(status="Disabled")], "stand in 1 region", count=2),
    Case("bucket-replicated", [PRIMARY, REPLICA, replication(filter={"prefix": "npm/"})], "in 1 region", count=2),
    Case(
        "bucket-replicated", [PRIMARY, REPLICA, replication(), bucket("third")], "third: its objects stand in 1 region"
    ),
    Case("bucket-replicated", [PRIMARY, REPLICA, replication(filter={"prefix": ""})]),
    Case("bucket-replicated", [PRIMARY, REPLICA, replication(destination={"bucket": UNKNOWN_STRING_VALUE})]),
    Case("bucket-replicated", [PRIMARY], config={"regions": 1}),
    Case(
        "bucket-replicated",
        [PRIMARY, bucket("logs"), beside(PRIMARY, "BucketLogging", {"targetBucket": "logs"})],
        "primary: its objects stand in 1 region",
    ),
    Case(
        "bucket-replicated",
        [
            resource(
                GCS_BUCKET, {"location": "US", "customPlacementConfig": {"dataLocations": ["us-east1", "us-east4"]}}
            )
        ],
    ),
    Case(
        "replication-timed-and-whole",
        [replication(destination={**TIMED, "metrics": {}}, deleteMarkerReplication=ENABLED)],
        "does not enable metrics",
    ),
    Case(
        "replication-timed-and-whole",
        [replication(destination={**TIMED, "replicationTime": DISABLED}, deleteMarkerReplication=ENABLED)],
        "does not enable replication_time",
    ),
    Case("replication-timed-and-whole", [replication(destination=TIMED)], "not enable delete_marker_replication"),
    Case("replication-timed-and-whole", [replication(destination=TIMED, deleteMarkerReplication=ENABLED)]),
    Case("abandoned-uploads-end", [PRIMARY], "nothing removes unfinished uploads after 7 days or less"),
    Case("abandoned-uploads-end", [PRIMARY, uploads(status="Disabled")], "nothing removes unfinished uploads"),
    Case("abandoned-uploads-end", [PRIMARY, uploads(filter={"prefix": "npm/"})], "nothing removes unfinished uploads"),
    Case("abandoned-uploads-end", [PRIMARY, uploads()], "after 3 days or less", config={"days": 3}),
    Case("abandoned-uploads-end", [gcs_rule("AbortIncompleteMultipartUpload", "age", 8)], "nothing removes"),
    Case("abandoned-uploads-end", [PRIMARY, uploads()]),
    Case("abandoned-uploads-end", [gcs_rule("AbortIncompleteMultipartUpload", "age", 7)]),
    Case("old-versions-kept-and-ended", [PRIMARY, uploads()], "old versions never end"),
    Case(
        "old-versions-kept-and-ended",
        [PRIMARY, lifecycle("noncurrentVersionExpiration", {"noncurrentDays": 1})],
        "old versions end after 1 days, not 7 to 365",
    ),
    Case("old-versions-kept-and-ended", [gcs_rule("Delete", "daysSinceNoncurrentTime", 400)], "end after 400 days"),
    Case("old-versions-kept-and-ended", [PRIMARY, lifecycle("noncurrentVersionExpiration", {"noncurrentDays": 30})]),
    Case(
        "old-versions-kept-and-ended",
        [PRIMARY, lifecycle("noncurrentVersionExpiration", {"noncurrentDays": 1})],
        config={"least_days": 1},
    ),
    Case(
        "old-versions-kept-and-ended",
        [
            PRIMARY,
            lifecycle("noncurrentVersionExpiration", {"noncurrentDays": 1}),
            beside(REPLICA, "BucketLogging", {"targetBucket": "primary"}),
        ],
    ),
    Case("old-versions-kept-and-ended", [gcs_rule("Delete", "daysSinceNoncurrentTime", 30)]),
    Case(
        "removed-objects-recoverable",
        [resource(GCS_BUCKET, {"softDeletePolicy": {"retentionDurationSeconds": 0}})],
        "deleted objects are gone after 0 s",
    ),
    Case("removed-objects-recoverable", [resource(GCS_BUCKET, {})]),
    Case(
        "removed-objects-recoverable",
        [resource(GCS_BUCKET, {"softDeletePolicy": {"retentionDurationSeconds": 0}})],
        config={"required": False},
    ),
]
