"""What functions take from AWS: secrets, and what they know of themselves."""

from __future__ import annotations

import json
import os
from typing import Any, cast

import boto3


def setting(name: str) -> str:
    """A variable of the function's environment; the component that makes the function sets them all."""
    return os.environ[name]


def client(service: str, region: str | None = None) -> Any:
    """In the function's own region, where no other is named."""
    return cast(Any, boto3).client(service, region_name=region)


def read_secret(field: str, variable: str = "SECRET_ID") -> str:
    """A field of one of the function's own secrets, JSON in AWS Secrets Manager, as `registry keys init` wrote it;
    `variable` holds the secret's name."""
    manager = client("secretsmanager", setting("SECRET_REGION"))
    return json.loads(manager.get_secret_value(SecretId=setting(variable))["SecretString"])[field]
