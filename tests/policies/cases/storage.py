"""Cases of buckets."""

from __future__ import annotations

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import (
    ALL_BLOCKS,
    DENY_PLAIN,
    ENCRYPTED,
    GCS_BUCKET,
    PRIMARY,
    REPLICA,
    VERSIONED,
    Case,
    allow,
    beside,
    bucket,
    document,
    replication,
)
from tests.policies.resources import resource

CASES = [
    Case("bucket-public-access-blocked", [PRIMARY], "no public access block belongs to the bucket"),
    Case(
        "bucket-public-access-blocked",
        [PRIMARY, beside(PRIMARY, "BucketPublicAccessBlock", {**ALL_BLOCKS, "blockPublicAcls": False})],
        "does not set blockPublicAcls",
    ),
    Case(
        "bucket-public-access-blocked",
        [PRIMARY, REPLICA, beside(PRIMARY, "BucketPublicAccessBlock", ALL_BLOCKS)],
        "replica: no public access block",
    ),
    Case("bucket-public-access-blocked", [PRIMARY, beside(PRIMARY, "BucketPublicAccessBlock", ALL_BLOCKS)]),
    Case(
        "bucket-grants-nothing-to-everybody",
        [beside(PRIMARY, "BucketPolicy", {"policy": document(allow("*"))})],
        "allows s3:GetObject to everybody",
    ),
    Case(
        "bucket-grants-nothing-to-everybody",
        [
            resource(
                "gcp:storage/bucketIAMMember:BucketIAMMember",
                {"member": "allUsers", "role": "roles/storage.objectViewer"},
            )
        ],
        "roles/storage.objectViewer is granted to allUsers",
    ),
    Case(
        "bucket-grants-nothing-to-everybody",
        [
            beside(
                PRIMARY,
                "BucketPolicy",
                {
                    "policy": document(
                        DENY_PLAIN,
                        allow({"AWS": "arn:aws:iam::1:role/shield"}),
                        allow("*", Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}}),
                    )
                },
            ),
            resource("gcp:storage/bucketIAMMember:BucketIAMMember", {"member": "serviceAccount:shield@x"}),
        ],
    ),
    Case("bucket-tls-only", [PRIMARY], "no policy of the bucket denies plain HTTP"),
    Case(
        "bucket-tls-only",
        [
            PRIMARY,
            beside(
                PRIMARY,
                "BucketPolicy",
                {"policy": document({**DENY_PLAIN, "Principal": {"AWS": "arn:aws:iam::1:root"}})},
            ),
        ],
        "no policy of the bucket denies plain HTTP",
    ),
    Case(
        "bucket-tls-only",
        [
            PRIMARY,
            beside(
                PRIMARY, "BucketPolicy", {"policy": document({**DENY_PLAIN, "Resource": "arn:aws:s3:::primary/npm/*"})}
            ),
        ],
        "no policy of the bucket denies plain HTTP",
    ),
    Case(
        "bucket-tls-only",
        [
            PRIMARY,
            beside(
                PRIMARY,
                "BucketPolicy",
                {
                    "policy": document(
                        {
                            **DENY_PLAIN,
                            "Condition": {
                                "Bool": {"aws:SecureTransport": "false"},
                                "StringEquals": {"aws:SourceVpc": "vpc-1"},
                            },
                        }
                    )
                },
            ),
        ],
        "no policy of the bucket denies plain HTTP",
    ),
    Case("bucket-tls-only", [PRIMARY, beside(PRIMARY, "BucketPolicy", {"policy": document(DENY_PLAIN)})]),
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
    Case("bucket-encrypted", [PRIMARY], "no encryption configuration belongs to the bucket"),
    Case(
        "bucket-encrypted",
        [PRIMARY, beside(PRIMARY, "BucketServerSideEncryptionConfiguration", {"rules": [{}]})],
        "None is no encryption",
    ),
    Case("bucket-encrypted", [PRIMARY, beside(PRIMARY, "BucketServerSideEncryptionConfiguration", ENCRYPTED)]),
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
        "bucket-access-uniform",
        [resource(GCS_BUCKET, {"publicAccessPrevention": "enforced"})],
        "single objects may have access lists",
    ),
    Case(
        "bucket-access-uniform",
        [resource(GCS_BUCKET, {"uniformBucketLevelAccess": True})],
        "public access is not prevented",
    ),
    Case(
        "bucket-access-uniform",
        [resource(GCS_BUCKET, {"uniformBucketLevelAccess": True, "publicAccessPrevention": "enforced"})],
    ),
]
