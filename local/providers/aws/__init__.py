"""Handlers of the AWS resource types that the program uses, over the real API calls of boto3."""

from __future__ import annotations

from collections.abc import Iterable

from local.providers.aws import dynamodb, s3
from local.providers.handler import Function, Handler


def handlers() -> Iterable[Handler]:
    """One handler a resource type."""
    return [s3.Bucket(), *s3.settings(), dynamodb.Table()]


def functions() -> Iterable[Function]:
    """One handler a data source."""
    return []
