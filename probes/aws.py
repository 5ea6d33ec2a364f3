"""The AWS account in which probes run. When a probe ends, all resources that it created are deleted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from probes.recording import Recording

REGION = "us-east-1"


class AwsAccount:
    """The AWS account of the default credentials.

    The names of all resources contain `run`, so that the names of simultaneous runs differ. Probes request certificates
    for `domain`, a domain of the user. No probe changes the DNS zone of the domain.
    """

    def __init__(self, run: str, domain: str, cleanup: ExitStack, recording: Recording) -> None:
        self.domain = domain
        self._run = run
        self._cleanup = cleanup
        self._recording = recording

    def client(self, service: str) -> Any:
        """Returns a boto3 client. The recording stores every response that the client receives."""
        # Requests contain the bucket's name in the path. An invalid bucket name would not be valid in a host name.
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        made = cast(Any, boto3).client(service, region_name=REGION, config=config)
        made.meta.events.register("after-call", self._record)
        return made

    def name(self, kind: str) -> str:
        """Returns a name for an AWS resource, which contains `kind`. Another run of the probe gets a different name."""
        return f"artifact-edge-probe-{self._run}-{kind}"

    def later(self, remove: Callable[..., Any], **arguments: Any) -> None:
        """Registers a function that deletes a resource when the probe ends. The newest resource is deleted first."""
        self._cleanup.callback(remove, **arguments)

    def bucket(self, kind: str, *, is_versioned: bool) -> str:
        """Creates an empty bucket and returns its name. The bucket and its objects are deleted when the probe ends."""
        s3, name = self.client("s3"), self.name(kind)
        s3.create_bucket(Bucket=name)
        self.later(s3.delete_bucket, Bucket=name)
        self.later(_empty, s3=s3, bucket=name)
        if is_versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def _record(self, http_response: Any, parsed: Any, model: Any, **more: Any) -> None:
        error: str = parsed.get("Error", {}).get("Code", "")
        body = {name: value for name, value in parsed.items() if name not in ("Body", "ResponseMetadata")}
        call = f"{model.service_model.service_name} {model.name}"
        self._recording.add(call, http_response.status_code, error, http_response.headers, body)


def refusal(call: Callable[..., Any], **arguments: Any) -> str:
    """Calls a method of a boto3 client. Returns the error code if AWS refuses the request, and `accepted` otherwise."""
    try:
        call(**arguments)
    except ClientError as error:
        return cast(Any, error.response)["Error"]["Code"]
    return "accepted"


def _empty(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
