"""Changes that break the replication and versioning of buckets, each of which a policy must report."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import add_resource, put, remove, without
from tests.policies.mutations.storage import added_and_removed, published

BUCKET = "aws:s3/bucket:Bucket"
GCS_BUCKET = "gcp:storage/bucket:Bucket"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"

MUTATIONS = [
    Mutation(
        "multi-bucket-published-objects-kept",
        [LIFECYCLE],
        "objects end",
        put("rules.0.expiration", {"days": 30}),
        published,
    ),
    Mutation(
        "multi-bucket-published-objects-kept",
        [BUCKET, GCS_BUCKET],
        "an archive",
        put(
            "lifecycleRules",
            [
                {
                    "transitions": [{"storageClass": "DEEP_ARCHIVE"}],
                    "action": {"type": "SetStorageClass", "storageClass": "ARCHIVE"},
                }
            ],
        ),
        published,
    ),
    Mutation(
        "multi-bucket-published-objects-kept",
        [GCS_BUCKET],
        "objects end",
        put("lifecycleRules", [{"action": {"type": "Delete"}, "condition": {"age": 30}}]),
        published,
    ),
    *[
        Mutation("multi-bucket-replicated", [REPLICATION], f"without rule {number}", without(f"rules.{number}"))
        for number in (0, 1)
    ],
    Mutation(
        "aws-s3-replication-stays-in-stack",
        [REPLICATION],
        "elsewhere",
        put("rules.0.destination.bucket", "arn:aws:s3:::elsewhere"),
    ),
    *added_and_removed("multi-bucket-versioned", "versioning", VERSIONING),
    Mutation("multi-bucket-versioned", [VERSIONING], "suspended", put("versioningConfiguration.status", "Suspended")),
    Mutation("multi-bucket-versioned", [GCS_BUCKET], "versioning off", put("versioning.enabled", False)),
    *added_and_removed("multi-bucket-replicated", "replication", REPLICATION),
    Mutation("multi-bucket-replicated", [REPLICATION], "a rule disabled", put("rules.0.status", "Disabled")),
    Mutation("multi-bucket-replicated", [REPLICATION], "npm only", put("rules.0.filter", {"prefix": "npm/"})),
    Mutation(
        "multi-bucket-replicated",
        [GCS_BUCKET],
        "one region",
        put("customPlacementConfig.dataLocations", ["US-EAST1"]),
        published,
    ),
    *[
        Mutation("aws-s3-replication-timed-and-complete", [REPLICATION], f"without {path}", put(f"rules.0.{path}", {}))
        for path in (
            "destination.replicationTime",
            "destination.metrics",
            "deleteMarkerReplication",
            "sourceSelectionCriteria",
        )
    ],
    Mutation(
        "multi-bucket-incomplete-uploads-removed",
        [BUCKET],
        "a bucket without rules",
        add_resource(BUCKET, bucket="added", region="us-east-1"),
    ),
    Mutation("multi-bucket-incomplete-uploads-removed", [LIFECYCLE], "no rules at all", remove, published),
    Mutation(
        "multi-bucket-incomplete-uploads-removed", [GCS_BUCKET], "no rules at all", put("lifecycleRules", []), published
    ),
    Mutation("multi-bucket-old-versions-kept-and-expired", [LIFECYCLE], "no rules at all", remove),
    Mutation(
        "multi-bucket-old-versions-kept-and-expired",
        [BUCKET],
        "a bucket without rules",
        add_resource(BUCKET, bucket="added", region="x"),
    ),
    Mutation("multi-bucket-old-versions-kept-and-expired", [GCS_BUCKET], "no rules at all", put("lifecycleRules", [])),
    Mutation(
        "gcp-storage-bucket-soft-delete-enabled",
        [GCS_BUCKET],
        "off",
        put("softDeletePolicy.retentionDurationSeconds", 0),
        published,
    ),
]
