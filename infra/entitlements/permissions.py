"""IAM permissions of the token sync and the metadata API, besides those that every Lambda function of the stack has."""

from __future__ import annotations

from contract.tokens import PARTITION
from infra.iam import Statement, allow

_STREAM_ACTIONS = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
)


def read_stream(table_arn: str) -> Statement:
    """Returns the permission to read all streams of a DynamoDB table. It covers all, because a stream that is created
    again has a new ARN.
    """
    return allow(_STREAM_ACTIONS, f"{table_arn}/stream/*", sid="Stream")


def list_streams() -> Statement:
    """Returns the permission to list DynamoDB streams, which Lambda needs. The action has no resource type, so IAM
    evaluates it only against `*` (Service Authorization Reference, "Actions defined by Amazon DynamoDB").
    """
    return allow(["dynamodb:ListStreams"], "*", sid="Streams")


def send(queue_arn: str) -> Statement:
    return allow(["sqs:SendMessage"], queue_arn, sid="DeadLetters")


def read_tokens(table_arn: str) -> Statement:
    """Returns the permission to get single items from the DynamoDB partition that holds the tokens.

    Source: DynamoDB Developer Guide, "Using conditions": LeadingKeys.
    """
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [PARTITION]}}
    return allow(["dynamodb:GetItem"], table_arn, sid="Tokens", condition=condition)
