"""Buckets, broken."""

from __future__ import annotations

from collections.abc import Callable

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import (
    also_allow,
    beside,
    gone,
    put,
    put_only,
    statements,
    text,
    unprotected,
    without,
)
from tests.support.harness import Registered

BUCKET, GCS_BUCKET = "aws:s3/bucket:Bucket", "gcp:storage/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
GCS_GRANT = "gcp:storage/bucketIAMMember:BucketIAMMember"


def published(resource: Registered) -> bool:
    """Whether it is a bucket of objects, or a setting of one, and not of access logs."""
    return not resource.name.endswith("-logs")


def beside_bucket(
    policy: str, how: str, token: str, where: Callable[[Registered], bool] = lambda _: True
) -> list[Mutation]:
    """A bucket that has no such setting: somebody added one, or took the setting of one away."""
    added = beside(BUCKET, bucket="added", region="us-east-1")
    return [
        Mutation(policy, [BUCKET], f"a bucket without {how}", added),
        Mutation(policy, [token], f"no {how}", gone, where),
    ]


MUTATIONS = [
    *beside_bucket("bucket-public-access-blocked", "public access block", BLOCK),
    *[
        Mutation("bucket-public-access-blocked", [BLOCK], f"{name} false", put(name, False))
        for name in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    ],
    Mutation(
        "bucket-grants-nothing-to-everybody",
        [POLICY],
        "everybody may read",
        also_allow("policy", Principal="*", Action="s3:GetObject"),
    ),
    Mutation("bucket-grants-nothing-to-everybody", [GCS_GRANT], "allUsers", put("member", "allUsers")),
    *beside_bucket("bucket-tls-only", "policy", POLICY),
    Mutation(
        "bucket-tls-only",
        [POLICY],
        "plain text is not refused",
        statements("policy", lambda those: [each for each in those if "SecureTransport" not in str(each)]),
    ),
    *beside_bucket("bucket-refuses-old-tls", "policy", POLICY),
    Mutation(
        "bucket-refuses-old-tls",
        [POLICY],
        "TLS 1.0 is refused, 1.1 is not",
        text("policy", lambda policy: policy.replace('"1.2"', '"1.1"')),
    ),
    *beside_bucket("bucket-versioned", "versioning", VERSIONING),
    Mutation("bucket-versioned", [VERSIONING], "suspended", put("versioningConfiguration.status", "Suspended")),
    Mutation("bucket-versioned", [GCS_BUCKET], "versioning off", put("versioning.enabled", False)),
    *beside_bucket("bucket-encrypted", "encryption", ENCRYPTION),
    *beside_bucket("bucket-key-is-ours", "encryption", ENCRYPTION, published),
    *[
        Mutation("bucket-key-is-ours", [ENCRYPTION], how, change, published)
        for how, change in (
            ("S3's own key", put("rules.0.applyServerSideEncryptionByDefault.sseAlgorithm", "AES256")),
            ("AWS's own key", without("rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId")),
            ("no bucket key", put("rules.0.bucketKeyEnabled", False)),
        )
    ],
    Mutation("bucket-key-is-ours", [GCS_BUCKET], "Google's own key", without("encryption"), published),
    Mutation("bucket-access-logged", [GCS_BUCKET], "not logged", without("logging"), published),
    *beside_bucket("bucket-access-logged", "logging", LOGGING),
    Mutation("bucket-access-logged", [LOGGING], "elsewhere", put_only("targetBucket", "of-another-account")),
    *beside_bucket("bucket-locks-objects", "lock", LOCK),
    Mutation("bucket-locks-objects", [LOCK], "a day", put("rule.defaultRetention.days", 1)),
    *beside_bucket("bucket-owner-owns-objects", "ownership controls", OWNERSHIP),
    Mutation("bucket-owner-owns-objects", [OWNERSHIP], "writers own", put("rule.objectOwnership", "ObjectWriter")),
    Mutation("bucket-access-uniform", [GCS_BUCKET], "access lists", put("uniformBucketLevelAccess", False)),
    Mutation("bucket-access-uniform", [GCS_BUCKET], "public access", put("publicAccessPrevention", "inherited")),
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
    *[
        Mutation("nothing-emptied-by-destroy", [token], "force_destroy", put("forceDestroy", True))
        for token in (BUCKET, GCS_BUCKET, "aws:route53/zone:Zone", "gcp:spanner/instance:Instance")
    ],
    *[
        Mutation("irreplaceable-protected", [token], "not protected", unprotected)
        for token in (
            BUCKET,
            GCS_BUCKET,
            "aws:route53/zone:Zone",
            "aws:dynamodb/table:Table",
            "gcp:spanner/instance:Instance",
            "gcp:spanner/database:Database",
        )
    ],
    Mutation("data-stays-in-regions", [BUCKET], "elsewhere", put("region", "me-central-1")),
    Mutation("data-stays-in-regions", [GCS_BUCKET], "elsewhere", without("customPlacementConfig"), published),
]
