"""boto3 clients, one a service and region, aimed by the standard AWS_* environment."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, cast

import boto3

from emulation.providers.handler import Properties

DEFAULT_REGION = "us-east-1"


def client(service: str, properties: Properties | None = None) -> Any:
    """A client for the region that `properties` name, else the environment's.

    Typed loosely: handlers are written once over many services, and a wrong call is refused by the API itself.
    """
    region = (properties or {}).get("region") or os.environ.get("AWS_REGION", DEFAULT_REGION)
    return _client(service, region, os.environ.get("AWS_ENDPOINT_URL", ""))


def tag_list(tags: dict[str, str] | None) -> list[dict[str, str]]:
    """Tags as most AWS APIs take them."""
    return [{"Key": key, "Value": value} for key, value in sorted((tags or {}).items())]


def tag_map(tags: list[dict[str, str]]) -> dict[str, str]:
    """Tags as Pulumi has them."""
    return {tag["Key"]: tag["Value"] for tag in tags}


def tags_of(described: Properties, state: Properties) -> Properties:
    """Tags as outputs; none at all where there are none and none were given."""
    tags = tag_map(described.get("Tags", []))
    return {"tags": tags} if tags or "tags" in state else {}


@cache
def _client(service: str, region: str, endpoint: str) -> Any:
    return cast(Any, boto3).client(service, region_name=region, endpoint_url=endpoint or None)
