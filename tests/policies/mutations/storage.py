"""Harmful changes to the buckets of a stack. Tests make each change, and a policy must report it."""

from __future__ import annotations

from collections.abc import Callable

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import add_resource, also_allow, put, put_only, remove, statements, text, without
from tests.support.harness import Registered

BUCKET = "aws:s3/bucket:Bucket"
GCS_BUCKET = "gcp:storage/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
GCS_GRANT = "gcp:storage/bucketIAMMember:BucketIAMMember"


def published(resource: Registered) -> bool:
    """Returns whether the resource belongs to a bucket of published objects, not to an access log bucket."""
    return not resource.name.endswith("-logs")


def added_and_removed(
    policy: str, how: str, token: str, where: Callable[[Registered], bool] = lambda _: True
) -> list[Mutation]:
    """Returns two mutations that leave a bucket without a required setting. The first mutation adds a new bucket. The
    second removes the setting from an existing bucket.
    """
    added = add_resource(BUCKET, bucket="added", region="us-east-1")
    return [
        Mutation(policy, [BUCKET], f"a new bucket has no {how}", added),
        Mutation(policy, [token], f"an existing bucket has no {how}", remove, where),
    ]


MUTATIONS = [
    *added_and_removed("aws-s3-bucket-public-access-blocked", "public access block", BLOCK),
    *[
        Mutation(
            "aws-s3-bucket-public-access-blocked",
            [BLOCK],
            f"a public access block has {name} disabled",
            put(name, False),
        )
        for name in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    ],
    Mutation(
        "multi-bucket-grants-not-public",
        [POLICY],
        "a bucket policy allows everyone to read objects",
        also_allow("policy", Principal="*", Action="s3:GetObject"),
    ),
    Mutation(
        "multi-bucket-grants-not-public",
        [GCS_GRANT],
        "a Cloud Storage role is granted to allUsers",
        put("member", "allUsers"),
    ),
    *added_and_removed("aws-s3-bucket-tls-only", "policy", POLICY),
    Mutation(
        "aws-s3-bucket-tls-only",
        [POLICY],
        "a bucket policy does not deny plain HTTP",
        statements("policy", lambda those: [each for each in those if "SecureTransport" not in str(each)]),
    ),
    *added_and_removed("aws-s3-bucket-old-tls-refused", "policy", POLICY),
    Mutation(
        "aws-s3-bucket-old-tls-refused",
        [POLICY],
        "a bucket policy denies TLS 1.0 but not TLS 1.1",
        text("policy", lambda policy: policy.replace('"1.2"', '"1.1"')),
    ),
    *added_and_removed("aws-s3-bucket-encrypted", "encryption", ENCRYPTION),
    *added_and_removed("multi-bucket-encrypted-with-own-key", "encryption", ENCRYPTION, published),
    *[
        Mutation("multi-bucket-encrypted-with-own-key", [ENCRYPTION], how, change, published)
        for how, change in (
            (
                "a bucket is encrypted with S3's own key",
                put("rules.0.applyServerSideEncryptionByDefault.sseAlgorithm", "AES256"),
            ),
            (
                "a bucket is encrypted with an AWS managed key",
                without("rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId"),
            ),
            ("a bucket has no S3 bucket key", put("rules.0.bucketKeyEnabled", False)),
        )
    ],
    Mutation(
        "multi-bucket-encrypted-with-own-key",
        [GCS_BUCKET],
        "a bucket is encrypted with Google's own key",
        without("encryption"),
        published,
    ),
    Mutation(
        "multi-bucket-access-logged",
        [GCS_BUCKET],
        "a Cloud Storage bucket has no access log",
        without("logging"),
        published,
    ),
    *added_and_removed("multi-bucket-access-logged", "logging", LOGGING),
    Mutation(
        "multi-bucket-access-logged",
        [LOGGING],
        "a bucket's access log goes to another account's bucket",
        put_only("targetBucket", "of-another-account"),
    ),
    *added_and_removed("aws-s3-bucket-object-lock-enabled", "object lock", LOCK),
    Mutation(
        "aws-s3-bucket-object-lock-enabled",
        [LOCK],
        "objects are locked for one day only",
        put("rule.defaultRetention.days", 1),
    ),
    *added_and_removed("aws-s3-bucket-acls-disabled", "ownership controls", OWNERSHIP),
    Mutation(
        "aws-s3-bucket-acls-disabled",
        [OWNERSHIP],
        "each writer owns its objects in a bucket",
        put("rule.objectOwnership", "ObjectWriter"),
    ),
    Mutation(
        "gcp-storage-bucket-uniform-and-private",
        [GCS_BUCKET],
        "a bucket uses access control lists",
        put("uniformBucketLevelAccess", False),
    ),
    Mutation(
        "gcp-storage-bucket-uniform-and-private",
        [GCS_BUCKET],
        "a bucket does not prevent public access",
        put("publicAccessPrevention", "inherited"),
    ),
    Mutation("multi-bucket-without-inline-settings", [BUCKET], "readers pay", put("requestPayer", "Requester")),
    Mutation("multi-bucket-without-inline-settings", [GCS_BUCKET], "readers pay", put("requesterPays", True)),
]
