"""Harmful changes to the encryption keys of a stack. Tests make each change, and a policy must report it."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, without

KEY = "aws:kms/key:Key"
REPLICA_KEY = "aws:kms/replicaKey:ReplicaKey"

MUTATIONS = [
    Mutation("multi-key-rotated", [KEY], "a KMS key is never rotated", put("enableKeyRotation", False)),
    Mutation(
        "multi-key-rotated",
        ["gcp:kms/cryptoKey:CryptoKey"],
        "a Cloud KMS key is never rotated",
        without("rotationPeriod"),
    ),
    Mutation("multi-key-enabled", [KEY], "a KMS key is disabled", put("isEnabled", False)),
    Mutation("multi-key-enabled", [REPLICA_KEY], "a KMS replica key is disabled", put("enabled", False)),
    Mutation(
        "gcp-kms-key-destruction-delayed",
        ["gcp:kms/cryptoKey:CryptoKey"],
        "a Cloud KMS key version is destroyed after one day",
        put("destroyScheduledDuration", "86400s"),
    ),
    Mutation(
        "aws-kms-key-deletion-delayed",
        [KEY, REPLICA_KEY],
        "a KMS key has a deletion window of one week",
        put("deletionWindowInDays", 7),
    ),
]
