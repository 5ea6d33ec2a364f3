"""Who may do what with the S3 buckets: statements, all made of names that are known before anything exists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from infra.blobs import Bucket
from infra.iam import Statement, allow, deny, service


def arn(bucket: str) -> str:
    """Known from the name alone, so that previews know policies, too."""
    return f"arn:aws:s3:::{bucket}"


def tls_only(bucket: str) -> Iterator[Statement]:
    """Refusal of clear text and of TLS below 1.2 (S3 User Guide, "Security best practices")."""
    for sid, refused in {
        "RefusePlainText": {"Bool": {"aws:SecureTransport": "false"}},
        "RefuseOldTls": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    }.items():
        yield deny("s3:*", [arn(bucket), f"{arn(bucket)}/*"], sid=sid, principal={"AWS": "*"}, condition=refused)


def reading(bucket: str, readers: Sequence[str]) -> Iterator[Statement]:
    """Get and list. Listing is part of reading: S3 answers 404 for a missing key only to those who may list, and 403 to
    others."""
    for sid, action, resource in (
        ("Get", "s3:GetObject", f"{arn(bucket)}/*"),
        ("List", "s3:ListBucket", arn(bucket)),
    ):
        yield allow(action, resource, sid=sid, principal={"AWS": list(readers)})


def log_delivery(bucket: str, source: str, account: str) -> Statement:
    """The right of S3 itself to write access logs (S3 User Guide, "Enabling Amazon S3 server access logging")."""
    return allow(
        "s3:PutObject",
        f"{arn(bucket)}/*",
        sid="DeliverLogs",
        principal=service("logging.s3.amazonaws.com"),
        condition={"ArnLike": {"aws:SourceArn": arn(source)}, "StringEquals": {"aws:SourceAccount": account}},
    )


def replication(places: Sequence[Bucket], keys: Sequence[str]) -> Iterator[Statement]:
    """What the S3 User Guide asks for under "Setting up permissions for live replication" and, of the keys, under
    "Replicating encrypted objects"; and of locks, which are copied with the objects. The primary first."""
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


def key_use(action: Literal["kms:Decrypt", "kms:Encrypt"], place: Bucket, key: str) -> Statement:
    """The right to use a key through S3 for the objects of one bucket, with a bucket key or without."""
    return allow(
        action,
        key,
        condition={
            "StringEquals": {"kms:ViaService": f"s3.{place.region}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": [arn(place.name), f"{arn(place.name)}/*"]},
        },
    )
