"""What every function may do, and how more is said; documents of IAM as JSON."""

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


def read_secrets(region: str, account: str, secret_ids: Sequence[str]) -> Statement:
    """Secrets Manager ends each ARN with six random characters (IAM reference of AWS Secrets Manager)."""
    secrets = [f"arn:aws:secretsmanager:{region}:{account}:secret:{secret_id}-??????" for secret_id in secret_ids]
    return allow("Secrets", ["secretsmanager:GetSecretValue"], secrets)


def write_log(group_arn: str) -> Statement:
    return allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], f"{group_arn}:*")


def document(*parts: Statement | Sequence[Statement]) -> str:
    """Of statements, and of lists of them."""
    statements = [each for part in parts for each in ([part] if isinstance(part, Mapping) else part)]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(
    sid: str, actions: Sequence[str], resource: str | Sequence[str], condition: Mapping[str, object] | None = None
) -> Statement:
    statement = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement
