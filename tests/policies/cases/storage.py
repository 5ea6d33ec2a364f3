"""Test cases for the policies on buckets."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import (
    ALL_BLOCKS,
    BUCKET,
    DENY_PLAIN,
    ENCRYPTED,
    GCS_BUCKET,
    PRIMARY,
    REPLICA,
    Case,
    allow,
    bucket,
    bucket_setting,
    document,
)
from tests.policies.resources import resource

OURS = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": UNKNOWN_STRING_VALUE}


def encryption(chosen: dict[str, str], **more: Any) -> PolicyResource:
    rule = {"applyServerSideEncryptionByDefault": chosen, "bucketKeyEnabled": True, **more}
    return bucket_setting(PRIMARY, "BucketServerSideEncryptionConfiguration", {"rules": [rule]})


def lock(**retention: Any) -> PolicyResource:
    rule = {"defaultRetention": {"mode": "GOVERNANCE", **retention}}
    return bucket_setting(PRIMARY, "BucketObjectLockConfiguration", {"objectLockEnabled": "Enabled", "rule": rule})


CASES = [
    Case("aws-s3-bucket-public-access-blocked", [PRIMARY], "no public access block belongs to the bucket"),
    Case(
        "aws-s3-bucket-public-access-blocked",
        [PRIMARY, bucket_setting(PRIMARY, "BucketPublicAccessBlock", {**ALL_BLOCKS, "blockPublicAcls": False})],
        "does not set blockPublicAcls",
    ),
    Case(
        "aws-s3-bucket-public-access-blocked",
        [PRIMARY, REPLICA, bucket_setting(PRIMARY, "BucketPublicAccessBlock", ALL_BLOCKS)],
        "replica: no public access block",
    ),
    Case(
        "aws-s3-bucket-public-access-blocked", [PRIMARY, bucket_setting(PRIMARY, "BucketPublicAccessBlock", ALL_BLOCKS)]
    ),
    Case(
        "multi-bucket-grants-not-public",
        [bucket_setting(PRIMARY, "BucketPolicy", {"policy": document(allow("*"))})],
        "allows s3:GetObject to everybody",
    ),
    Case(
        "multi-bucket-grants-not-public",
        [
            resource(
                "gcp:storage/bucketIAMMember:BucketIAMMember",
                {"member": "allUsers", "role": "roles/storage.objectViewer"},
            )
        ],
        "roles/storage.objectViewer is granted to allUsers",
    ),
    Case(
        "multi-bucket-grants-not-public",
        [
            bucket_setting(
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
    Case("aws-s3-bucket-tls-only", [PRIMARY], "no policy of the bucket denies plain HTTP"),
    Case(
        "aws-s3-bucket-tls-only",
        [
            PRIMARY,
            bucket_setting(
                PRIMARY,
                "BucketPolicy",
                {"policy": document({**DENY_PLAIN, "Principal": {"AWS": "arn:aws:iam::1:root"}})},
            ),
        ],
        "no policy of the bucket denies plain HTTP",
    ),
    Case(
        "aws-s3-bucket-tls-only",
        [
            PRIMARY,
            bucket_setting(
                PRIMARY, "BucketPolicy", {"policy": document({**DENY_PLAIN, "Resource": "arn:aws:s3:::primary/npm/*"})}
            ),
        ],
        "no policy of the bucket denies plain HTTP",
    ),
    Case(
        "aws-s3-bucket-tls-only",
        [
            PRIMARY,
            bucket_setting(
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
    Case(
        "aws-s3-bucket-tls-only", [PRIMARY, bucket_setting(PRIMARY, "BucketPolicy", {"policy": document(DENY_PLAIN)})]
    ),
    *[
        Case(
            f"aws-s3-bucket-{policy}",
            [
                PRIMARY,
                bucket_setting(PRIMARY, "BucketPolicy", {"policy": document(denial)}),
                bucket_setting(PRIMARY, "BucketPolicy", {"policy": document(allow({"AWS": "arn:aws:iam::1:role/x"}))}),
            ],
            "the policy that is written last",
        )
        for policy, denial in (
            ("tls-only", DENY_PLAIN),
            ("old-tls-refused", {**DENY_PLAIN, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}}),
        )
    ],
    Case("aws-s3-bucket-encrypted", [PRIMARY], "no encryption configuration belongs to the bucket"),
    Case(
        "aws-s3-bucket-encrypted",
        [PRIMARY, bucket_setting(PRIMARY, "BucketServerSideEncryptionConfiguration", {"rules": [{}]})],
        "None is no encryption",
    ),
    Case(
        "aws-s3-bucket-encrypted",
        [PRIMARY, bucket_setting(PRIMARY, "BucketServerSideEncryptionConfiguration", ENCRYPTED)],
    ),
    Case(
        "gcp-storage-bucket-uniform-and-private",
        [resource(GCS_BUCKET, {"publicAccessPrevention": "enforced"})],
        "single objects may have access lists",
    ),
    Case(
        "gcp-storage-bucket-uniform-and-private",
        [resource(GCS_BUCKET, {"uniformBucketLevelAccess": True})],
        "public access is not prevented",
    ),
    Case(
        "gcp-storage-bucket-uniform-and-private",
        [resource(GCS_BUCKET, {"uniformBucketLevelAccess": True, "publicAccessPrevention": "enforced"})],
    ),
    Case("aws-s3-bucket-old-tls-refused", [PRIMARY], "no policy of the bucket denies old TLS"),
    *[
        Case(
            "aws-s3-bucket-old-tls-refused",
            [
                PRIMARY,
                bucket_setting(PRIMARY, "BucketPolicy", {"policy": document({**DENY_PLAIN, "Condition": condition})}),
            ],
            "no policy of the bucket denies old TLS",
        )
        for condition in (
            {"NumericLessThan": {"s3:TlsVersion": "1.1"}},
            {"NumericLessThan": {"s3:TlsVersion": "1.2"}, "StringEquals": {"aws:SourceVpc": "vpc-1"}},
        )
    ],
    Case(
        "aws-s3-bucket-old-tls-refused",
        [
            PRIMARY,
            bucket_setting(
                PRIMARY,
                "BucketPolicy",
                {"policy": document({**DENY_PLAIN, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}})},
            ),
        ],
    ),
    Case("aws-s3-bucket-acls-disabled", [PRIMARY], "no ownership controls belong to the bucket"),
    Case(
        "aws-s3-bucket-acls-disabled",
        [PRIMARY, bucket_setting(PRIMARY, "BucketOwnershipControls", {"rule": {"objectOwnership": "ObjectWriter"}})],
        "has the ownership 'ObjectWriter'",
    ),
    Case(
        "aws-s3-bucket-acls-disabled",
        [
            PRIMARY,
            bucket_setting(PRIMARY, "BucketOwnershipControls", {"rule": {"objectOwnership": "BucketOwnerEnforced"}}),
        ],
    ),
    Case("multi-bucket-encrypted-with-own-key", [PRIMARY], "no encryption configuration belongs to the bucket"),
    Case("multi-bucket-encrypted-with-own-key", [PRIMARY, encryption({"sseAlgorithm": "AES256"})], "says 'AES256'"),
    Case("multi-bucket-encrypted-with-own-key", [PRIMARY, encryption({"sseAlgorithm": "aws:kms"})], "takes AWS's own"),
    Case(
        "multi-bucket-encrypted-with-own-key",
        [PRIMARY, encryption(OURS, bucketKeyEnabled=False)],
        "asks KMS for each object",
    ),
    Case("multi-bucket-encrypted-with-own-key", [PRIMARY, encryption(OURS)]),
    Case(
        "multi-bucket-encrypted-with-own-key",
        [
            PRIMARY,
            bucket_setting(PRIMARY, "BucketServerSideEncryptionConfiguration", ENCRYPTED),
            bucket_setting(REPLICA, "BucketLogging", {"targetBucket": "primary"}),
        ],
    ),
    Case(
        "multi-bucket-encrypted-with-own-key",
        [resource(GCS_BUCKET, {"name": "objects"})],
        "Google's own key encrypts its objects",
    ),
    Case(
        "multi-bucket-encrypted-with-own-key",
        [resource(GCS_BUCKET, {"name": "objects", "encryption": {"defaultKmsKeyName": UNKNOWN_STRING_VALUE}})],
    ),
    Case("multi-bucket-access-logged", [PRIMARY], "its access is not logged"),
    Case(
        "multi-bucket-access-logged",
        [PRIMARY, bucket_setting(PRIMARY, "BucketLogging", {"targetBucket": "of-another-account"})],
        "writes to no other bucket of the stack",
    ),
    Case(
        "multi-bucket-access-logged",
        [PRIMARY, bucket("logs"), bucket_setting(PRIMARY, "BucketLogging", {"targetBucket": "logs"})],
    ),
    Case("aws-s3-bucket-object-lock-enabled", [PRIMARY], "no object lock prevents the deletion of its objects"),
    Case("aws-s3-bucket-object-lock-enabled", [PRIMARY, lock(days=6)], "locks them for 6 days"),
    Case("aws-s3-bucket-object-lock-enabled", [PRIMARY, lock(days=7)], "locks them for 7 days", config={"days": 30}),
    Case("aws-s3-bucket-object-lock-enabled", [PRIMARY, lock(days=7)]),
    Case("aws-s3-bucket-object-lock-enabled", [PRIMARY, lock(years=1)]),
    Case(
        "aws-s3-bucket-object-lock-enabled",
        [PRIMARY, bucket_setting(REPLICA, "BucketLogging", {"targetBucket": "primary"})],
    ),
    Case("aws-s3-bucket-object-lock-enabled", [PRIMARY], config={"required": False}),
    Case("multi-bucket-access-logged", [resource(GCS_BUCKET, {"name": "objects"})], "its access is not logged"),
    Case(
        "multi-bucket-access-logged",
        [
            resource(GCS_BUCKET, {"name": "objects", "logging": {"logBucket": "logs"}}),
            resource(GCS_BUCKET, {"name": "logs"}),
        ],
    ),
    *[
        Case("multi-bucket-without-inline-settings", [resource(BUCKET, {name: value})], f"it has {name}")
        for name, value in (
            ("corsRules", [{"allowedOrigins": ["*"]}]),
            ("replicationConfiguration", {"role": "x"}),
            ("requestPayer", "Requester"),
            ("versioning", {"enabled": False}),
            ("website", {"indexDocument": "index.html"}),
        )
    ],
    *[
        Case("multi-bucket-without-inline-settings", [resource(GCS_BUCKET, {name: value})], f"it has {name}")
        for name, value in (("cors", [{"origins": ["*"]}]), ("requesterPays", True), ("website", {"notFoundPage": "x"}))
    ],
    Case(
        "multi-bucket-without-inline-settings",
        [resource(BUCKET, {"bucket": "objects"}), resource(GCS_BUCKET, {"versioning": {"enabled": True}})],
    ),
]
