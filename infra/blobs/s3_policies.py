"""Builds IAM statements for the S3 buckets. The statements refer to buckets by name, because Pulumi knows the names
before it creates the buckets. A preview can therefore show complete policies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from infra.blobs import SHIELD_LOGS, Bucket
from infra.iam import Statement, allow, deny, service


def arn(bucket: str) -> str:
    """Returns the ARN of the bucket with this name. Pulumi knows the name before it creates the bucket, so a preview
    can show complete policies.
    """
    return f"arn:aws:s3:::{bucket}"


def tls_only(bucket: str) -> Iterator[Statement]:
    """Yields two statements for the policy of an S3 bucket. The statements deny requests over plain HTTP, and requests
    with a TLS version below 1.2 (S3 User Guide, "Security best practices").
    """
    for sid, refused in {
        "RefusePlainText": {"Bool": {"aws:SecureTransport": "false"}},
        "RefuseOldTls": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    }.items():
        yield deny("s3:*", [arn(bucket), f"{arn(bucket)}/*"], sid=sid, principal={"AWS": "*"}, condition=refused)


def reading(bucket: str, readers: Sequence[str]) -> Iterator[Statement]:
    """Yields two statements for the policy of an S3 bucket. The statements allow `readers` to get and list objects.

    Without the permission to list, a reader could not recognize a missing key. S3 answers 404 for a missing key only to
    principals that may list, and 403 to all others.
    """
    for sid, action, resource in (
        ("Get", "s3:GetObject", f"{arn(bucket)}/*"),
        ("List", "s3:ListBucket", arn(bucket)),
    ):
        yield allow(action, resource, sid=sid, principal={"AWS": list(readers)})


def log_delivery(bucket: str, source: str, account: str) -> Statement:
    """Returns the statement that lets S3 write the access logs of `source` to `bucket`.

    Source: S3 User Guide, "Enabling Amazon S3 server access logging".
    """
    return allow(
        "s3:PutObject",
        f"{arn(bucket)}/*",
        sid="DeliverLogs",
        principal=service("logging.s3.amazonaws.com"),
        condition={"ArnLike": {"aws:SourceArn": arn(source)}, "StringEquals": {"aws:SourceAccount": account}},
    )


def log_shipping(bucket: str, writers: Sequence[str]) -> Statement:
    """Returns the statement that lets the roles of shields (regional caches) write their access logs to `bucket`. The
    statement does not let these roles read the logs.
    """
    return allow("s3:PutObject", f"{arn(bucket)}/{SHIELD_LOGS}*", sid="ShipLogs", principal={"AWS": list(writers)})


def replication(places: Sequence[Bucket], keys: Sequence[str]) -> Iterator[Statement]:
    """Yields the permissions of the IAM role that S3 uses for replication. The first bucket in `places` is the source
    of the replication, and the other buckets are its destinations.

    The role may read object locks, because S3 copies the locks with the objects. `keys` are the ARNs of the buckets'
    KMS keys, in the same order as `places`. Sources: S3 User Guide, "Setting up permissions for live replication"; for
    keys, "Replicating encrypted objects".
    """
    source, *destinations = places
    yield allow(["s3:GetReplicationConfiguration", "s3:ListBucket"], arn(source.name))
    yield allow(
        [
            "s3:GetObjectVersionForReplication",
            "s3:GetObjectVersionAcl",
            "s3:GetObjectVersionTagging",
            "s3:GetObjectRetention",
            "s3:GetObjectLegalHold",
        ],
        f"{arn(source.name)}/*",
    )
    yield allow(
        ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
        [f"{arn(destination.name)}/*" for destination in destinations],
    )
    yield key_use("kms:Decrypt", source, keys[0])
    for destination, key in zip(destinations, keys[1:], strict=True):
        yield key_use("kms:Encrypt", destination, key)
        # The replication role needs `kms:Decrypt` on the KMS key of the destination bucket. S3 decrypts the S3 Bucket
        # Key of the destination to verify the integrity of this key. Without the permission, the replication of every
        # object fails (S3 User Guide, "Amazon S3 Bucket Keys and replication").
        yield key_use("kms:Decrypt", destination, key)


def key_use(action: Literal["kms:Decrypt", "kms:Encrypt"], place: Bucket, key: str) -> Statement:
    """Returns the IAM statement that permits S3 to use a KMS key for the objects of one bucket. S3 sets one encryption
    context for buckets with an S3 Bucket Key, and another for buckets without. The statement permits both.
    """
    return allow(
        action,
        key,
        condition={
            "StringEquals": {"kms:ViaService": f"s3.{place.region}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": [arn(place.name), f"{arn(place.name)}/*"]},
        },
    )
