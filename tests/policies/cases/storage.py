"""Cases of buckets."""

from __future__ import annotations

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
    document,
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
    Case("bucket-refuses-old-tls", [PRIMARY], "no policy of the bucket denies old TLS"),
    *[
        Case(
            "bucket-refuses-old-tls",
            [PRIMARY, beside(PRIMARY, "BucketPolicy", {"policy": document({**DENY_PLAIN, "Condition": condition})})],
            "no policy of the bucket denies old TLS",
        )
        for condition in (
            {"NumericLessThan": {"s3:TlsVersion": "1.1"}},
            {"NumericLessThan": {"s3:TlsVersion": "1.2"}, "StringEquals": {"aws:SourceVpc": "vpc-1"}},
        )
    ],
    Case(
        "bucket-refuses-old-tls",
        [
            PRIMARY,
            beside(
                PRIMARY,
                "BucketPolicy",
                {"policy": document({**DENY_PLAIN, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}})},
            ),
        ],
    ),
    Case("bucket-owner-owns-objects", [PRIMARY], "no ownership controls belong to the bucket"),
    Case(
        "bucket-owner-owns-objects",
        [PRIMARY, beside(PRIMARY, "BucketOwnershipControls", {"rule": {"objectOwnership": "ObjectWriter"}})],
        "says 'ObjectWriter'",
    ),
    Case(
        "bucket-owner-owns-objects",
        [PRIMARY, beside(PRIMARY, "BucketOwnershipControls", {"rule": {"objectOwnership": "BucketOwnerEnforced"}})],
    ),
]
