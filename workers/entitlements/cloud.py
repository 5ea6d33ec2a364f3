"""What both functions take from AWS: secrets, and what they know of themselves."""

from __future__ import annotations

import json
import os
from typing import Any, cast

import boto3


def setting(name: str) -> str:
    """A variable of the function's environment; infra/entitlements sets them all."""
    return os.environ[name]


def client(service: str) -> Any:
    """In the function's own region."""
    return cast(Any, boto3).client(service)


def read_secret(identity: str, field: str) -> str:
    """A field of a JSON secret in AWS Secrets Manager, as `registry keys init` wrote it."""
    text = client("secretsmanager").get_secret_value(SecretId=identity)["SecretString"]
    return json.loads(text)[field]
