"""Creates boto3 clients, one for each service and region. The AWS_* environment variables select the endpoint."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, cast

import boto3

from emulation.providers.handler import Properties

DEFAULT_REGION = "us-east-1"


def client(service: str, properties: Properties | None = None) -> Any:
    """Returns a client for the region in `properties`, or else for the environment's region.

    The result has the type Any because handlers are generic over many services. The API itself refuses a wrong call.
    """
    region = (properties or {}).get("region") or os.environ.get("AWS_REGION", DEFAULT_REGION)
    return _client(service, region, os.environ.get("AWS_ENDPOINT_URL", ""))


def tag_list(tags: dict[str, str] | None) -> list[dict[str, str]]:
    """Returns tags in the form of most AWS APIs."""
    return [{"Key": key, "Value": value} for key, value in sorted((tags or {}).items())]


def tag_map(tags: list[dict[str, str]]) -> dict[str, str]:
    """Returns tags in Pulumi's form."""
    return {tag["Key"]: tag["Value"] for tag in tags}


def tags_of(described: Properties, state: Properties) -> Properties:
    """Returns the tags as outputs, or no outputs if the resource has no tags and the state has none."""
    tags = tag_map(described.get("Tags", []))
    return {"tags": tags} if tags or "tags" in state else {}


@cache
def _client(service: str, region: str, endpoint: str) -> Any:
    return cast(Any, boto3).client(service, region_name=region, endpoint_url=endpoint or None)
