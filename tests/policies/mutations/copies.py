"""Harmful changes to the replication and versioning of buckets. Tests make each change, and a policy must report it."""

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
        "an S3 lifecycle rule deletes objects after 30 days",
        put("rules.0.expiration", {"days": 30}),
        published,
    ),
    Mutation(
        "multi-bucket-published-objects-kept",
        [BUCKET, GCS_BUCKET],
        "a lifecycle rule moves objects to an archive",
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
        "a Cloud Storage lifecycle rule deletes objects after 30 days",
        put("lifecycleRules", [{"action": {"type": "Delete"}, "condition": {"age": 30}}]),
        published,
    ),
    *[
        Mutation(
            "multi-bucket-replicated",
            [REPLICATION],
            f"the replication rule {number} is missing",
            without(f"rules.{number}"),
        )
        for number in (0, 1)
    ],
    Mutation(
        "aws-s3-replication-stays-in-stack",
        [REPLICATION],
        "a replication rule copies objects to a bucket outside of the stack",
        put("rules.0.destination.bucket", "arn:aws:s3:::elsewhere"),
    ),
    *added_and_removed("multi-bucket-versioned", "versioning", VERSIONING),
    Mutation(
        "multi-bucket-versioned",
        [VERSIONING],
        "versioning of an S3 bucket is suspended",
        put("versioningConfiguration.status", "Suspended"),
    ),
    Mutation(
        "multi-bucket-versioned",
        [GCS_BUCKET],
        "versioning of a Cloud Storage bucket is disabled",
        put("versioning.enabled", False),
    ),
    *added_and_removed("multi-bucket-replicated", "replication", REPLICATION),
    Mutation(
        "multi-bucket-replicated", [REPLICATION], "a replication rule is disabled", put("rules.0.status", "Disabled")
    ),
    Mutation(
        "multi-bucket-replicated",
        [REPLICATION],
        "a replication rule copies only npm objects",
        put("rules.0.filter", {"prefix": "npm/"}),
    ),
    Mutation(
        "multi-bucket-replicated",
        [GCS_BUCKET],
        "a Cloud Storage bucket is in one region only",
        put("customPlacementConfig.dataLocations", ["US-EAST1"]),
        published,
    ),
    *[
        Mutation(
            "aws-s3-replication-timed-and-complete",
            [REPLICATION],
            f"a replication rule lacks {path}",
            put(f"rules.0.{path}", {}),
        )
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
        "a new bucket has no lifecycle rules",
        add_resource(BUCKET, bucket="added", region="us-east-1"),
    ),
    Mutation(
        "multi-bucket-incomplete-uploads-removed", [LIFECYCLE], "an S3 bucket has no lifecycle rules", remove, published
    ),
    Mutation(
        "multi-bucket-incomplete-uploads-removed",
        [GCS_BUCKET],
        "a Cloud Storage bucket has no lifecycle rules",
        put("lifecycleRules", []),
        published,
    ),
    Mutation("multi-bucket-old-versions-kept-and-expired", [LIFECYCLE], "an S3 bucket has no lifecycle rules", remove),
    Mutation(
        "multi-bucket-old-versions-kept-and-expired",
        [BUCKET],
        "a new bucket has no lifecycle rules",
        add_resource(BUCKET, bucket="added", region="x"),
    ),
    Mutation(
        "multi-bucket-old-versions-kept-and-expired",
        [GCS_BUCKET],
        "a Cloud Storage bucket has no lifecycle rules",
        put("lifecycleRules", []),
    ),
    Mutation(
        "gcp-storage-bucket-soft-delete-enabled",
        [GCS_BUCKET],
        "soft delete of a bucket is disabled",
        put("softDeletePolicy.retentionDurationSeconds", 0),
        published,
    ),
]
