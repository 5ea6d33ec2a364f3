"""Test cases for the policies on encryption keys."""

from __future__ import annotations

from tests.policies.cases.parts import Case
from tests.policies.resources import resource

KEY = "aws:kms/key:Key"
REPLICA_KEY = "aws:kms/replicaKey:ReplicaKey"
VERSION = "gcp:kms/cryptoKeyVersion:CryptoKeyVersion"
GCP_KEY = "gcp:kms/cryptoKey:CryptoKey"

CASES = [
    Case("multi-key-enabled", [resource(KEY, {"isEnabled": False})], "the key is disabled"),
    Case("multi-key-enabled", [resource(REPLICA_KEY, {"enabled": False})], "the key is disabled"),
    Case("multi-key-enabled", [resource(VERSION, {"state": "DISABLED"})], "the key version has the state DISABLED"),
    Case("multi-key-enabled", [resource(KEY, {}), resource(REPLICA_KEY, {"enabled": True}), resource(VERSION, {})]),
    Case(
        "gcp-kms-key-destruction-delayed",
        [resource(GCP_KEY, {"destroyScheduledDuration": "86400s"})],
        "can be restored for 1 days only",
    ),
    Case("gcp-kms-key-destruction-delayed", [resource(GCP_KEY, {})]),
    Case(
        "gcp-kms-key-destruction-delayed",
        [resource(GCP_KEY, {"destroyScheduledDuration": "604800s"})],
        config={"days": 7},
    ),
    Case("multi-key-rotated", [resource(KEY, {})], "enable_key_rotation is not true"),
    Case(
        "multi-key-rotated",
        [resource(KEY, {"enableKeyRotation": True, "rotationPeriodInDays": 2560})],
        "rotation_period_in_days is 2560",
    ),
    Case("multi-key-rotated", [resource(GCP_KEY, {})], "rotation_period is not set"),
    Case("multi-key-rotated", [resource(GCP_KEY, {"rotationPeriod": "63072000s"})], "rotation_period is 63072000s"),
    Case(
        "multi-key-rotated",
        [resource(KEY, {"enableKeyRotation": True}), resource(GCP_KEY, {"rotationPeriod": "7776000s"})],
    ),
    Case(
        "aws-kms-key-deletion-delayed", [resource(KEY, {"deletionWindowInDays": 7})], "can be recovered for 7 days only"
    ),
    Case(
        "aws-kms-key-deletion-delayed",
        [resource(REPLICA_KEY, {"deletionWindowInDays": 29})],
        "can be recovered for 29 days only",
    ),
    Case("aws-kms-key-deletion-delayed", [resource(KEY, {}), resource(REPLICA_KEY, {"deletionWindowInDays": 30})]),
    Case("aws-kms-key-deletion-delayed", [resource(KEY, {"deletionWindowInDays": 7})], config={"days": 7}),
]
