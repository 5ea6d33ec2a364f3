"""Permissions of the outbox relay, which delivers changes from the outbox to readers.

It changes no metadata records of packages and reads no tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

from contract.metrics import NAMESPACE
from infra.iam import Statement, allow

# Partitions that the function writes (registry/catalog/outbox.py, registry/delivery/quarantine.py).
_OWN = ("outbox", "quarantine")
# Partitions of packages' metadata records (docs/metadata.md).
_PACKAGES = ("npm#*", "npm-keys", "oci#*", "pypi", "pypi#*")
# Objects that the function renders again (docs/contracts.md, "Client-facing URLs").
_DOCUMENTS = (
    "npm/-/keys.json",
    "npm/*/packument.json",
    "npm/*/packument.abbreviated.json",
    "oci/referrers/*",
    "oci/taglists/*",
    "oci/tags/*",
    "pypi/simple/*",
)
_WITHDRAWABLE = ("npm/*", "oci/*", "pypi/*")


def metadata(table_arn: str) -> Iterator[Statement]:
    """Of single partitions (DynamoDB Developer Guide, "Using conditions": LeadingKeys); a transaction is what it is
    made of (the same, "Amazon DynamoDB Transactions")."""
    yield allow(
        ["dynamodb:GetItem", "dynamodb:Query"],
        table_arn,
        sid="ReadFacts",
        condition={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [*_OWN, *_PACKAGES]}},
    )
    yield allow(
        ["dynamodb:DeleteItem", "dynamodb:UpdateItem"],
        table_arn,
        sid="Settle",
        condition={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(_OWN)}},
    )


def objects(bucket_arn: str, region: str, key_arn: str) -> Iterator[Statement]:
    """Listing is part of reading: S3 answers 404 for a missing key only to those who may list, and 403 to others."""
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


def measure() -> Statement:
    """Metrics are no resources; the namespace is a condition (CloudWatch, "Using condition keys to limit access to
    CloudWatch namespaces")."""
    return allow(
        ["cloudwatch:PutMetricData"],
        "*",
        sid="Measure",
        condition={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
    )
