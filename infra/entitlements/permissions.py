"""What the functions of entitlements may do besides what all functions may."""

from __future__ import annotations

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


def read_tokens(table_arn: str, partition: str) -> Statement:
    """Single items of one partition (DynamoDB Developer Guide, "Using conditions": LeadingKeys)."""
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [partition]}}
    return allow(["dynamodb:GetItem"], table_arn, sid="Tokens", condition=condition)
