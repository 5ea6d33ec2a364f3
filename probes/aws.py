"""The AWS account in which probes run. Everything that a probe creates is deleted when the probe ends."""

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
    """The account of the default credentials. `run` is part of each name, so that simultaneous runs do not collide.

    `domain` is a domain of the user, for which certificates are requested. No probe writes to its DNS zone.
    """

    def __init__(self, run: str, domain: str, cleanup: ExitStack, recording: Recording) -> None:
        self.domain = domain
        self._run = run
        self._cleanup = cleanup
        self._recording = recording

    def client(self, service: str) -> Any:
        """Returns a boto3 client, whose answers the recording receives."""
        # Invalid names of buckets are in the path, because no host can have them.
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        made = cast(Any, boto3).client(service, region_name=REGION, config=config)
        made.meta.events.register("after-call", self._record)
        return made

    def name(self, kind: str) -> str:
        """Returns a name for a resource. The names of two runs differ."""
        return f"artifact-edge-probe-{self._run}-{kind}"

    def later(self, remove: Callable[..., Any], **arguments: Any) -> None:
        """Calls `remove` when the probe ends. What was created last is removed first."""
        self._cleanup.callback(remove, **arguments)

    def bucket(self, kind: str, *, is_versioned: bool) -> str:
        """Creates an empty bucket, which the end of the probe removes with its objects, and returns its name."""
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
    """Makes a call of a boto3 client. Returns the code of the error with which AWS refuses the call, or `accepted`."""
    try:
        call(**arguments)
    except ClientError as error:
        return cast(Any, error.response)["Error"]["Code"]
    return "accepted"


def _empty(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
