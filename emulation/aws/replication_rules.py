"""Decides which replication rules the emulated S3 accepts. Also decides which objects the IAM role of a rule may copy.
moto 5.2 accepts all rules and does not evaluate the permissions of their roles.

Sources: S3 User Guide, "Requirements and considerations for replication", "Setting up permissions for live
replication", "Replicating encrypted objects".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from moto.s3.exceptions import S3ClientError
from moto.s3.models import S3Backend, s3_backends

from emulation.aws.permissions import boundary_of, policies_of
from emulation.aws.policies import AuthorizationRequest, is_allowed
from emulation.layout import AWS_ACCOUNT_ID

_put: Any = cast(Any, S3Backend).put_bucket_replication


def put_bucket_replication(backend: S3Backend, bucket_name: str, replication: dict[str, Any]) -> None:
    """Replaces `S3Backend.put_bucket_replication`: refuses a replication rule if the source or destination bucket does
    not exist or has no versioning."""
    _require_versioning(backend.get_bucket(bucket_name), "Versioning must be 'Enabled' on the bucket")
    given: Any = replication["Rule"]
    rules = cast(list[dict[str, Any]], given if isinstance(given, list) else [given])
    for rule in rules:
        destination = backend.buckets.get(rule["Destination"]["Bucket"].rsplit(":", 1)[-1])
        if destination is None:
            raise S3ClientError("InvalidRequest", "Destination bucket must exist.")
        _require_versioning(destination, "Destination bucket must have versioning enabled.")
    _put(backend, bucket_name, replication)


def patch_replication_rules() -> None:
    """Makes moto refuse replication rules whose buckets do not exist or have no versioning."""
    cast(Any, S3Backend).put_bucket_replication = put_bucket_replication


def missing_permission(source: Any, key: str, rule: Mapping[str, Any], marker: bool) -> str | None:
    """Checks whether the role of a replication rule may copy an object. Returns the first permission that the role
    lacks, or None if the role has all permissions.

    The result is a string such as "s3:ReplicateObject on <ARN>". If `marker` is true, the object is a delete marker.
    """
    role: str = source.replication["Role"]
    held = policies_of(role)
    for action, resource, context in _needed(source, key, rule, marker):
        session = f"arn:aws:sts::{AWS_ACCOUNT_ID}:assumed-role/{role.rsplit('/', 1)[-1]}/s3-replication"
        request = AuthorizationRequest(role, session, resource, action, context)
        if not is_allowed(request, held, None, None, boundary_of(role)):
            return f"{action} on {resource}"
    return None


def _needed(
    source: Any, key: str, rule: Mapping[str, Any], marker: bool
) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Yields each IAM action that the role of a replication rule needs to replicate an object, with the action's
    resource and condition keys.
    """
    backend: Any = s3_backends[AWS_ACCOUNT_ID]["aws"]
    replica = backend.buckets[rule["Destination"]["Bucket"].rsplit(":", 1)[-1]]
    copy = f"arn:aws:s3:::{replica.name}/{key}"
    if marker:
        yield "s3:ReplicateDelete", copy, {}
        return
    yield "s3:GetObjectVersionForReplication", f"arn:aws:s3:::{source.name}/{key}", {}
    yield "s3:ReplicateObject", copy, {}
    key_of_source = _default_encryption(source).get("KMSMasterKeyID")
    key_of_replica = rule["Destination"].get("EncryptionConfiguration", {}).get("ReplicaKmsKeyID")
    if key_of_source:
        yield "kms:Decrypt", key_of_source, _context(source, key)
    if key_of_replica:
        yield "kms:Encrypt", key_of_replica, _context(replica, key)
        # For a destination bucket with an S3 Bucket Key, S3 also calls kms:Decrypt to verify the integrity of that key
        # (S3 User Guide, "Amazon S3 Bucket Keys and replication").
        if _has_bucket_key(replica):
            yield "kms:Decrypt", key_of_replica, _context(replica, key)


def _context(bucket: Any, key: str) -> Mapping[str, str]:
    """Returns the IAM condition keys of a request that S3 sends to KMS for an object.

    The encryption context is the ARN of the bucket if the bucket has an S3 Bucket Key, and otherwise the ARN of the
    object.
    """
    arn = f"arn:aws:s3:::{bucket.name}"
    return {
        "kms:ViaService": f"s3.{bucket.region_name}.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": arn if _has_bucket_key(bucket) else f"{arn}/{key}",
    }


def _default_encryption(bucket: Any) -> Mapping[str, str]:
    return _encryption_rule(bucket).get("ApplyServerSideEncryptionByDefault", {})


def _has_bucket_key(bucket: Any) -> bool:
    return str(_encryption_rule(bucket).get("BucketKeyEnabled")).lower() == "true"


def _encryption_rule(bucket: Any) -> Mapping[str, Any]:
    encryption: dict[str, Any] = bucket.encryption or {}
    return encryption.get("Rule", {})


def _require_versioning(bucket: Any, message: str) -> None:
    if bucket.versioning_status != "Enabled":
        raise S3ClientError("InvalidRequest", message)
