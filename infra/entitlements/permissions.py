"""IAM permissions of the token sync, which writes tokens to Workers KV, and of the metadata API. Every Lambda function
of the stack also has some general permissions, which are not in this module.
"""

from __future__ import annotations

from contract import edge_policies, revocations, tokens
from infra.iam import Condition, Statement, allow

_STREAM_ACTIONS = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
)


def read_stream(table_arn: str) -> Statement:
    """Returns the permission to read all streams of a DynamoDB table. A new stream of the table gets a new ARN, so the
    permission applies to the ARNs of all streams of the table.
    """
    return allow(_STREAM_ACTIONS, f"{table_arn}/stream/*", sid="Stream")


def list_streams() -> Statement:
    """Returns the permission to list DynamoDB streams, which a Lambda function needs to read a stream.

    The action has no resource type, so IAM evaluates the permission only against the resource `*` (Service
    Authorization Reference, "Actions defined by Amazon DynamoDB").
    """
    return allow(["dynamodb:ListStreams"], "*", sid="Streams")


def send(queue_arn: str) -> Statement:
    return allow(["sqs:SendMessage"], queue_arn, sid="DeadLetters")


def read_tokens(table_arn: str) -> Statement:
    """Returns the permission to get items by their keys from the DynamoDB partition that holds the tokens."""
    return allow(["dynamodb:GetItem"], table_arn, sid="Tokens", condition=_in_partition(tokens.PARTITION))


def read_feeds(table_arn: str) -> Statement:
    """Returns the permission to query the DynamoDB partitions from which the metadata API creates its feeds. A feed is
    a small document that the edge worker reads every 2 s.
    """
    condition = _in_partition(revocations.PARTITION, edge_policies.PARTITION)
    return allow(["dynamodb:Query"], table_arn, sid="Feeds", condition=condition)


def _in_partition(*partitions: str) -> Condition:
    """Returns the condition that limits a permission to some partitions of a DynamoDB table.

    Source: DynamoDB Developer Guide, "Using conditions", condition key `dynamodb:LeadingKeys`.
    """
    return {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(partitions)}}
