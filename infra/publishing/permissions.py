"""IAM permissions of the outbox relay, which delivers changes from the outbox to readers.

The relay changes no metadata records of packages and reads no tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

from infra.iam import Statement, allow

# The outbox relay, which delivers published changes, writes these partitions of the metadata table
# (registry/catalog/outbox.py, registry/delivery/quarantine.py, registry/delivery/search.py).
_OWN = ("npm-search", "outbox", "quarantine", "revocations")
# Partitions of the metadata table that hold packages (docs/metadata.md). The outbox relay, which delivers published
# changes, reads them and does not write them.
_PACKAGES = ("npm#*", "npm-keys", "oci#*", "pypi", "pypi#*")
# Key patterns of the documents that the outbox relay writes to deliver published changes. The relay renders a document
# anew after each change (docs/contracts.md, "Client-facing URLs").
_DOCUMENTS = (
    "npm/-/keys.json",
    "npm/-/search.json",
    "npm/*/packument.json",
    "npm/*/packument.abbreviated.json",
    "oci/referrers/*",
    "oci/taglists/*",
    "oci/tags/*",
    "pypi/simple/*",
)
_WITHDRAWABLE = ("npm/*", "oci/*", "pypi/*")


def metadata(table_arn: str) -> Iterator[Statement]:
    """Yields the statements that give the outbox relay permissions on single partitions of the metadata table. The
    relay delivers published changes to readers.

    The statements also cover the relay's transactions, because IAM checks only the permissions for the operations in a
    transaction. Sources: DynamoDB Developer Guide, "Using conditions" for LeadingKeys, and "Amazon DynamoDB
    Transactions".
    """
    yield allow(
        ["dynamodb:GetItem", "dynamodb:Query"],
        table_arn,
        sid="ReadFacts",
        condition={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [*_OWN, *_PACKAGES]}},
    )
    yield allow(
        ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        table_arn,
        sid="Settle",
        condition={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(_OWN)}},
    )


def objects(bucket_arn: str, region: str, key_arn: str) -> Iterator[Statement]:
    """Yields the outbox relay's permissions on the bucket with published objects and on the bucket's key.

    The relay delivers published changes to readers. It also gets the permission to list the bucket, because it reads
    objects that may not exist. For such an object, S3 answers 404 only to principals that may list the bucket, and 403
    to all others.
    """
    written = [f"{bucket_arn}/{pattern}" for pattern in (*_DOCUMENTS, "quarantine/*")]
    yield allow(["s3:ListBucket"], bucket_arn, sid="List")
    yield allow(["s3:GetObject"], f"{bucket_arn}/*", sid="Read")
    yield allow(["s3:PutObject"], written, sid="Render")
    yield allow(["s3:DeleteObject"], [f"{bucket_arn}/{pattern}" for pattern in _WITHDRAWABLE], sid="Withdraw")
    yield allow(
        ["kms:Decrypt", "kms:GenerateDataKey"],
        key_arn,
        sid="Key",
        condition={
            "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket_arn, f"{bucket_arn}/*"]},
        },
    )
