"""What each function may do, and nothing else; documents of IAM as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Statement = Mapping[str, object]

LAMBDA_MAY_ASSUME = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)

_STREAM_ACTIONS = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
)


def read_stream(table_arn: str) -> Statement:
    """Of the table's streams; a table whose stream was made anew has another one."""
    return _allow("Stream", _STREAM_ACTIONS, f"{table_arn}/stream/*")


def send(queue_arn: str) -> Statement:
    return _allow("DeadLetters", ["sqs:SendMessage"], queue_arn)


def read_tokens(table_arn: str, partition: str) -> Statement:
    """Single items of one partition (DynamoDB Developer Guide, "Using conditions": LeadingKeys)."""
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [partition]}}
    return {**_allow("Tokens", ["dynamodb:GetItem"], table_arn), "Condition": condition}


def read_secret(region: str, account: str, secret_id: str) -> Statement:
    """Secrets Manager ends each ARN with six random characters (IAM reference of AWS Secrets Manager)."""
    secret = f"arn:aws:secretsmanager:{region}:{account}:secret:{secret_id}-??????"
    return _allow("Secret", ["secretsmanager:GetSecretValue"], secret)


def write_log(group_arn: str) -> Statement:
    return _allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], f"{group_arn}:*")


def document(statements: Sequence[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _allow(sid: str, actions: Sequence[str], resource: str) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
