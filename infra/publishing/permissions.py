"""What the drain may do: settle the outbox. It changes no fact and no published object, and reads no token."""

from __future__ import annotations

from collections.abc import Iterator

from contract.metrics import NAMESPACE
from infra.iam import Statement, allow

_OWN = ("outbox", "quarantine")
"""Partitions that it writes (registry/catalog/outbox.py, registry/delivery/quarantine.py)."""
_PACKAGES = ("npm#*", "oci#*", "pypi", "pypi#*")
"""Partitions of packages' facts (docs/metadata.md)."""
_DOCUMENTS = (
    "npm/*/packument.json",
    "npm/*/packument.abbreviated.json",
    "oci/referrers/*",
    "oci/taglists/*",
    "oci/tags/*",
    "pypi/simple/*",
)
"""Objects that are rendered anew (docs/architecture.md, "Client-facing URLs")."""
_WITHDRAWABLE = ("npm/*", "oci/*", "pypi/*")


def metadata(table_arn: str) -> Iterator[Statement]:
    """Of single partitions (DynamoDB Developer Guide, "Using conditions": LeadingKeys); a transaction is what it is
    made of (the same, "Amazon DynamoDB Transactions")."""
    yield allow(
        "ReadFacts",
        ["dynamodb:GetItem", "dynamodb:Query"],
        table_arn,
        {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [*_OWN, *_PACKAGES]}},
    )
    yield allow(
        "Settle",
        ["dynamodb:DeleteItem", "dynamodb:UpdateItem"],
        table_arn,
        {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(_OWN)}},
    )


def objects(bucket_arn: str, region: str, key_arn: str) -> Iterator[Statement]:
    """Listing is part of reading: S3 answers 404 for a missing key only to those who may list, and 403 to others."""
    written = [f"{bucket_arn}/{pattern}" for pattern in (*_DOCUMENTS, "quarantine/*")]
    yield allow("List", ["s3:ListBucket"], bucket_arn)
    yield allow("Read", ["s3:GetObject"], f"{bucket_arn}/*")
    yield allow("Render", ["s3:PutObject"], written)
    yield allow("Withdraw", ["s3:DeleteObject"], [f"{bucket_arn}/{pattern}" for pattern in _WITHDRAWABLE])
    yield allow(
        "Key",
        ["kms:Decrypt", "kms:GenerateDataKey"],
        key_arn,
        {
            "StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket_arn, f"{bucket_arn}/*"]},
        },
    )


def measure() -> Statement:
    """Metrics are no resources; the namespace is a condition (CloudWatch, "Using condition keys to limit access to
    CloudWatch namespaces")."""
    return allow("Measure", ["cloudwatch:PutMetricData"], "*", {"StringEquals": {"cloudwatch:namespace": NAMESPACE}})
