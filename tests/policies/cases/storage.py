"""Cases of buckets."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import (
    ALL_BLOCKS,
    DENY_PLAIN,
    ENCRYPTED,
    GCS_BUCKET,
    PRIMARY,
    REPLICA,
    Case,
    allow,
    beside,
    bucket,
    document,
)
from tests.policies.resources import resource

OURS = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": UNKNOWN_STRING_VALUE}


def encryption(chosen: dict[str, str], **more: Any) -> PolicyResource:
    rule = {"applyServerSideEncryptionByDefault": chosen, "bucketKeyEnabled": True, **more}
    return beside(PRIMARY, "BucketServerSideEncryptionConfiguration", {"rules": [rule]})


def lock(**retention: Any) -> PolicyResource:
    rule = {"defaultRetention": {"mode": "GOVERNANCE", **retention}}
    return beside(PRIMARY, "BucketObjectLockConfiguration", {"objectLockEnabled": "Enabled", "rule": rule})


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
    Case("bucket-key-is-ours", [PRIMARY], "no encryption configuration belongs to the bucket"),
    Case("bucket-key-is-ours", [PRIMARY, encryption({"sseAlgorithm": "AES256"})], "says 'AES256'"),
    Case("bucket-key-is-ours", [PRIMARY, encryption({"sseAlgorithm": "aws:kms"})], "takes AWS's own"),
    Case("bucket-key-is-ours", [PRIMARY, encryption(OURS, bucketKeyEnabled=False)], "asks KMS for each object"),
    Case("bucket-key-is-ours", [PRIMARY, encryption(OURS)]),
    Case(
        "bucket-key-is-ours",
        [
            PRIMARY,
            beside(PRIMARY, "BucketServerSideEncryptionConfiguration", ENCRYPTED),
            beside(REPLICA, "BucketLogging", {"targetBucket": "primary"}),
        ],
    ),
    Case("bucket-key-is-ours", [resource(GCS_BUCKET, {"name": "objects"})], "Google's own key encrypts its objects"),
    Case(
        "bucket-key-is-ours",
        [resource(GCS_BUCKET, {"name": "objects", "encryption": {"defaultKmsKeyName": UNKNOWN_STRING_VALUE}})],
    ),
    Case("bucket-access-logged", [PRIMARY], "its access is not logged"),
    Case(
        "bucket-access-logged",
        [PRIMARY, beside(PRIMARY, "BucketLogging", {"targetBucket": "of-another-account"})],
        "writes to no other bucket of the stack",
    ),
    Case(
        "bucket-access-logged",
        [PRIMARY, bucket("logs"), beside(PRIMARY, "BucketLogging", {"targetBucket": "logs"})],
    ),
    Case("bucket-locks-objects", [PRIMARY], "its objects can be erased at once"),
    Case("bucket-locks-objects", [PRIMARY, lock(days=6)], "locks them for 6 days"),
    Case("bucket-locks-objects", [PRIMARY, lock(days=7)], "locks them for 7 days", config={"days": 30}),
    Case("bucket-locks-objects", [PRIMARY, lock(days=7)]),
    Case("bucket-locks-objects", [PRIMARY, lock(years=1)]),
    Case("bucket-locks-objects", [PRIMARY, beside(REPLICA, "BucketLogging", {"targetBucket": "primary"})]),
    Case("bucket-locks-objects", [PRIMARY], config={"required": False}),
    Case("bucket-access-logged", [resource(GCS_BUCKET, {"name": "objects"})], "its access is not logged"),
    Case(
        "bucket-access-logged",
        [
            resource(GCS_BUCKET, {"name": "objects", "logging": {"logBucket": "logs"}}),
            resource(GCS_BUCKET, {"name": "logs"}),
        ],
    ),
]
