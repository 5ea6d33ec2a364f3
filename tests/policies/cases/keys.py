"""Cases of encryption keys."""

from __future__ import annotations

from tests.policies.cases.parts import Case
from tests.policies.resources import resource

KEY = "aws:kms/key:Key"
REPLICA_KEY = "aws:kms/replicaKey:ReplicaKey"
GCP_KEY = "gcp:kms/cryptoKey:CryptoKey"

CASES = [
    Case("multi-key-rotated", [resource(KEY, {})], "enable_key_rotation is not true"),
    Case("multi-key-rotated", [resource(GCP_KEY, {})], "rotation_period is not set"),
    Case("multi-key-rotated", [resource(GCP_KEY, {"rotationPeriod": "63072000s"})], "rotation_period is 63072000s"),
    Case(
        "multi-key-rotated",
        [resource(KEY, {"enableKeyRotation": True}), resource(GCP_KEY, {"rotationPeriod": "7776000s"})],
    ),
    Case("aws-kms-key-deletion-delayed", [resource(KEY, {"deletionWindowInDays": 7})], "it is gone 7 days after"),
    Case(
        "aws-kms-key-deletion-delayed",
        [resource(REPLICA_KEY, {"deletionWindowInDays": 29})],
        "it is gone 29 days after",
    ),
    Case("aws-kms-key-deletion-delayed", [resource(KEY, {}), resource(REPLICA_KEY, {"deletionWindowInDays": 30})]),
    Case("aws-kms-key-deletion-delayed", [resource(KEY, {"deletionWindowInDays": 7})], config={"days": 7}),
]
