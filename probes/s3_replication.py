"""Probes the permissions that a replication role of S3 needs on the KMS key of the destination bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from probes.aws import AwsAccount, allow, document
from probes.fact import Fact, Probe
from probes.s3 import replication_rule
from probes.waiting import becomes_true

# How many seconds the probe waits for a replica. S3 replicates most objects within 15 minutes (S3 User Guide,
# "Replication Time Control").
_TIMEOUT_SECONDS = 15 * 60.0


def _bucket_keys(account: AwsAccount) -> Iterator[Fact]:
    s3, iam = account.client("s3"), account.client("iam")
    buckets = {kind: account.bucket(kind, is_versioned=True) for kind in ("source", "replica")}
    keys = {kind: account.key() for kind in buckets}
    for kind, bucket in buckets.items():
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": keys[kind]}
        rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    less = [
        allow(["s3:GetReplicationConfiguration", "s3:ListBucket"], f"arn:aws:s3:::{buckets['source']}"),
        allow(["s3:GetObjectVersionForReplication"], f"arn:aws:s3:::{buckets['source']}/*"),
        allow(["s3:ReplicateObject"], f"arn:aws:s3:::{buckets['replica']}/*"),
        allow(["kms:Decrypt"], keys["source"]),
        allow(["kms:Encrypt"], keys["replica"]),
    ]
    all_of_them = [*less, allow(["kms:Decrypt"], keys["replica"])]
    role = account.role("replication", {"Service": "s3.amazonaws.com"}, all_of_them)
    _replicate(s3, role, buckets, keys["replica"])
    failed = ""
    for text, statements, status in (
        ("With kms:Decrypt on the replica's key, S3 copies an object", all_of_them, "COMPLETED"),
        ("Without this permission, S3 does not copy an object", less, "FAILED"),
        ("With the permission again, S3 copies a new object", all_of_them, "COMPLETED"),
    ):
        name = role.rpartition("/")[2]
        iam.put_role_policy(RoleName=name, PolicyName="probe", PolicyDocument=document(statements))
        key, found = _written(s3, buckets["source"], status)
        yield Fact(text, found == status, found)
        failed = key if status == "FAILED" else failed
    status = _status(s3, buckets["source"], failed)
    yield Fact("S3 does not copy the object that failed before", status == "FAILED", status)


def _written(s3: Any, bucket: str, status: str) -> tuple[str, str]:
    """Writes objects to a bucket, one after another, until the newest object has the replication status `status`.
    Returns the key and the status of the newest object.

    One object is not enough. AWS applies a changed policy only after several seconds. Until then, new objects get the
    status that results from the old policy.
    """
    keys: list[str] = []

    def has_status() -> bool:
        found = _status(s3, bucket, keys[-1]) if keys else ""
        if found not in (status, "PENDING"):
            keys.append(str(uuid4()))
            s3.put_object(Bucket=bucket, Key=keys[-1], Body=b"probe")
        return found == status

    becomes_true(has_status, _TIMEOUT_SECONDS)
    return keys[-1], _status(s3, bucket, keys[-1])


def _status(s3: Any, bucket: str, key: str) -> str:
    return s3.head_object(Bucket=bucket, Key=key).get("ReplicationStatus", "missing")


def _replicate(s3: Any, role: str, buckets: Mapping[str, str], key: str) -> None:
    """Creates a replication rule for all objects of the source bucket. The copies are encrypted with a KMS key."""
    destination = {
        "Bucket": f"arn:aws:s3:::{buckets['replica']}",
        "EncryptionConfiguration": {"ReplicaKmsKeyID": key},
    }
    encrypted = {"SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}}}
    rule = {**replication_rule(destination), **encrypted}
    s3.put_bucket_replication(Bucket=buckets["source"], ReplicationConfiguration={"Role": role, "Rules": [rule]})


PROBES = (Probe("s3-replication-keys", 'S3 User Guide, "Amazon S3 Bucket Keys and replication"', _bucket_keys),)
