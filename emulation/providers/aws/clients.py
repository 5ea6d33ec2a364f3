"""Creates the boto3 clients with which the emulated AWS provider calls the API, one for each service and region. The
AWS_* environment variables select the endpoint."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, cast

import boto3

from emulation.providers.handler import Properties

DEFAULT_REGION = "us-east-1"


def client(service: str, properties: Properties | None = None) -> Any:
    """Returns a boto3 client of an AWS service, for the region in a resource's `properties`. Without a region in
    `properties`, uses the region in the environment variable AWS_REGION. If this variable is not set, uses a default
    region.

    The return type is Any, because one function returns the clients of many AWS services. pyright therefore does not
    check calls of the client, but the emulated API refuses wrong calls.
    """
    region = (properties or {}).get("region") or os.environ.get("AWS_REGION", DEFAULT_REGION)
    return _client(service, region, os.environ.get("AWS_ENDPOINT_URL", ""), os.environ.get("AWS_ACCESS_KEY_ID", ""))


def sandbox_client(service: str, properties: Properties | None = None) -> Any:
    """Returns a boto3 client with the credentials of the sandbox (emulated clouds), which permit everything.

    Handlers use this client only to create what exists in every real AWS account from the start, such as AWS's machine
    images.
    """
    region = (properties or {}).get("region") or os.environ.get("AWS_REGION", DEFAULT_REGION)
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or None
    keys = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
    return cast(Any, boto3).client(service, region_name=region, endpoint_url=endpoint, **keys)


def tag_list(tags: dict[str, str] | None) -> list[dict[str, str]]:
    """Converts a resource's tags from Pulumi's mapping to the list that most AWS APIs use. Each item of the list is an
    object with `Key` and `Value`.
    """
    return [{"Key": key, "Value": value} for key, value in sorted((tags or {}).items())]


def tag_map(tags: list[dict[str, str]]) -> dict[str, str]:
    """Converts a resource's tags from an AWS API's list of `Key` and `Value` to Pulumi's mapping."""
    return {tag["Key"]: tag["Value"] for tag in tags}


def tags_of(described: Properties, state: Properties) -> Properties:
    """Reads a resource's tags from `described`, the AWS API's description of the resource. Returns them as the Pulumi
    output `tags`, or no output if neither the API nor the Pulumi state has tags.
    """
    return tags_output(tag_map(described.get("Tags", [])), state)


def tags_output(tags: dict[str, str], state: Properties) -> Properties:
    """Returns a resource's tags as the Pulumi output `tags`, or no output if neither the cloud nor the Pulumi state has
    tags.
    """
    return {"tags": tags} if tags or "tags" in state else {}


def removed_tags(old: Properties, new: Properties) -> list[str]:
    """Returns the keys of the tags that an update of a resource removes."""
    return sorted(old.get("tags", {}).keys() - new.get("tags", {}).keys())


@cache
def _client(service: str, region: str, endpoint: str, access_key: str) -> Any:
    """Returns a boto3 client. Calls with the same arguments return the same client. boto3 reads the access key from the
    environment, and not from `access_key`. The argument only ensures that each access key has a client of its own.
    """
    return cast(Any, boto3).client(service, region_name=region, endpoint_url=endpoint or None)
