"""Cases of keys."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import ENCRYPTED, GCS_BUCKET, PRIMARY, REPLICA, Case, beside
from tests.policies.resources import resource

KEY, REPLICA_KEY = "aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey"
GCP_KEY = "gcp:kms/cryptoKey:CryptoKey"
OURS = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": UNKNOWN_STRING_VALUE}


def encryption(chosen: dict[str, str], **more: Any) -> PolicyResource:
    rule = {"applyServerSideEncryptionByDefault": chosen, "bucketKeyEnabled": True, **more}
    return beside(PRIMARY, "BucketServerSideEncryptionConfiguration", {"rules": [rule]})


CASES = [
    Case("key-rotated", [resource(KEY, {})], "enable_key_rotation is not true"),
    Case("key-rotated", [resource(GCP_KEY, {})], "rotation_period is not set"),
    Case("key-rotated", [resource(GCP_KEY, {"rotationPeriod": "63072000s"})], "rotation_period is 63072000s"),
    Case(
        "key-rotated",
        [resource(KEY, {"enableKeyRotation": True}), resource(GCP_KEY, {"rotationPeriod": "7776000s"})],
    ),
    Case("key-deletion-waits", [resource(KEY, {"deletionWindowInDays": 7})], "it is gone 7 days after"),
    Case("key-deletion-waits", [resource(REPLICA_KEY, {"deletionWindowInDays": 29})], "it is gone 29 days after"),
    Case("key-deletion-waits", [resource(KEY, {}), resource(REPLICA_KEY, {"deletionWindowInDays": 30})]),
    Case("key-deletion-waits", [resource(KEY, {"deletionWindowInDays": 7})], config={"days": 7}),
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
]
