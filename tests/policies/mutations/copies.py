"""Mutations of copies and versions of objects."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import beside, gone, put
from tests.policies.mutations.storage import beside_bucket, published

BUCKET = "aws:s3/bucket:Bucket"
GCS_BUCKET = "gcp:storage/bucket:Bucket"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"

MUTATIONS = [
    *beside_bucket("bucket-versioned", "versioning", VERSIONING),
    Mutation("bucket-versioned", [VERSIONING], "suspended", put("versioningConfiguration.status", "Suspended")),
    Mutation("bucket-versioned", [GCS_BUCKET], "versioning off", put("versioning.enabled", False)),
    *beside_bucket("bucket-replicated", "replication", REPLICATION),
    Mutation("bucket-replicated", [REPLICATION], "a rule disabled", put("rules.0.status", "Disabled")),
    Mutation("bucket-replicated", [REPLICATION], "npm only", put("rules.0.filter", {"prefix": "npm/"})),
    Mutation(
        "bucket-replicated",
        [GCS_BUCKET],
        "one region",
        put("customPlacementConfig.dataLocations", ["US-EAST1"]),
        published,
    ),
    *[
        Mutation("replication-timed-and-whole", [REPLICATION], f"without {path}", put(f"rules.0.{path}", {}))
        for path in ("destination.replicationTime", "destination.metrics", "deleteMarkerReplication")
    ],
    Mutation(
        "abandoned-uploads-end", [BUCKET], "a bucket without rules", beside(BUCKET, bucket="added", region="us-east-1")
    ),
    Mutation("abandoned-uploads-end", [LIFECYCLE], "no rules at all", gone, published),
    Mutation("abandoned-uploads-end", [GCS_BUCKET], "no rules at all", put("lifecycleRules", []), published),
    Mutation("old-versions-kept-and-ended", [LIFECYCLE], "no rules at all", gone),
    Mutation(
        "old-versions-kept-and-ended", [BUCKET], "a bucket without rules", beside(BUCKET, bucket="added", region="x")
    ),
    Mutation("old-versions-kept-and-ended", [GCS_BUCKET], "no rules at all", put("lifecycleRules", [])),
    Mutation(
        "removed-objects-recoverable",
        [GCS_BUCKET],
        "off",
        put("softDeletePolicy.retentionDurationSeconds", 0),
        published,
    ),
]
