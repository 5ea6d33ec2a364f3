"""Provides AWS clients, secrets and settings to the Lambda functions."""

from __future__ import annotations

import json
import os
from typing import Any, cast

import boto3


def setting(name: str) -> str:
    """Returns the value of an environment variable of the Lambda function. The component that creates the function sets
    all variables. Raises KeyError if the variable is missing.
    """
    return os.environ[name]


def client(service: str, region: str | None = None) -> Any:
    """Returns a boto3 client for the service in the given region. The default is the region of the running Lambda
    function.
    """
    return cast(Any, boto3).client(service, region_name=region)


def read_secret(field: str, variable: str = "SECRET_ID") -> str:
    """Returns a field of one of the function's secrets. The secret is JSON in AWS Secrets Manager, as `registry keys
    init` writes it. `variable` names the environment variable that holds the secret's name."""
    manager = client("secretsmanager", setting("SECRET_REGION"))
    return json.loads(manager.get_secret_value(SecretId=setting(variable))["SecretString"])[field]
