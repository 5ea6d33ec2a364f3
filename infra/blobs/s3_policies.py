"""Builds IAM statements for the S3 buckets. All statements use names that are known before any resource exists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from infra.blobs import SHIELD_LOGS, Bucket
from infra.iam import Statement, allow, deny, service


def arn(bucket: str) -> str:
    """Returns a bucket's ARN from its name alone, so that previews can show complete policies with the ARN."""
    return f"arn:aws:s3:::{bucket}"


def tls_only(bucket: str) -> Iterator[Statement]:
    """Yields statements for an S3 bucket's policy that deny plain HTTP and TLS below 1.2 (S3 User Guide, "Security best
    practices").
    """
    for sid, refused in {
        "RefusePlainText": {"Bool": {"aws:SecureTransport": "false"}},
        "RefuseOldTls": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    }.items():
        yield deny("s3:*", [arn(bucket), f"{arn(bucket)}/*"], sid=sid, principal={"AWS": "*"}, condition=refused)


def reading(bucket: str, readers: Sequence[str]) -> Iterator[Statement]:
    """Yields statements for an S3 bucket's policy that allow `readers` to get and list objects.

    Readers need the permission to list: S3 answers 404 for a missing key only to principals that may list, and 403 to
    all others.
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
    """Returns the statement that lets the roles of shields write their access logs to `bucket`. The statement does not
    let these roles read the logs.
    """
    return allow("s3:PutObject", f"{arn(bucket)}/{SHIELD_LOGS}*", sid="ShipLogs", principal={"AWS": list(writers)})


def replication(places: Sequence[Bucket], keys: Sequence[str]) -> Iterator[Statement]:
    """Yields the permissions of the IAM role with which S3 replicates from the first bucket of `places` to the other
    buckets.

    Sources: S3 User Guide, "Setting up permissions for live replication" and, for keys, "Replicating encrypted
    objects". The role may read object locks, because S3 copies them with the objects. `keys` are the ARNs of the
    buckets' KMS keys, in the same order as `places`.
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
        # The replication role needs `kms:Decrypt`, because S3 decrypts the destination's S3 Bucket Key to verify the
        # key's integrity. Without the permission, the replication of every object fails (S3 User Guide, "Amazon S3
        # Bucket Keys and replication").
        yield key_use("kms:Decrypt", destination, key)


def key_use(action: Literal["kms:Decrypt", "kms:Encrypt"], place: Bucket, key: str) -> Statement:
    """Returns the IAM statement that permits the use of a KMS key through S3 for the objects of one bucket. The
    statement covers the encryption context that S3 uses with an S3 Bucket Key, and the one that S3 uses without it.
    """
    return allow(
        action,
        key,
        condition={
            "StringEquals": {"kms:ViaService": f"s3.{place.region}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": [arn(place.name), f"{arn(place.name)}/*"]},
        },
    )
