"""What the functions of entitlements may do besides what all functions may."""

from __future__ import annotations

from contract.tokens import PARTITION
from infra.iam import Statement, allow

_STREAM_ACTIONS = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
)


def read_stream(table_arn: str) -> Statement:
    """Of the table's streams; a table whose stream was made anew has another one."""
    return allow(_STREAM_ACTIONS, f"{table_arn}/stream/*", sid="Stream")


def send(queue_arn: str) -> Statement:
    return allow(["sqs:SendMessage"], queue_arn, sid="DeadLetters")


def read_tokens(table_arn: str) -> Statement:
    """Single items of the tokens' partition (DynamoDB Developer Guide, "Using conditions": LeadingKeys)."""
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [PARTITION]}}
    return allow(["dynamodb:GetItem"], table_arn, sid="Tokens", condition=condition)
