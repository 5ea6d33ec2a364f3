"""Simulates an outage of S3 in a region: S3 answers 503, or closes the connection without an answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, cast, get_args

from moto.s3.models import s3_backends

from emulation.aws.requests import addressed_bucket
from emulation.layout import AWS_ACCOUNT_ID
from emulation.origin_requests import Application

# The URL path at which tests start and end outages of S3. GET answers a JSON object such as `{"us-east-1": "503"}`,
# which maps each region with an outage to the way in which S3 fails. PUT replaces the JSON object.
PATH = "/_artifact-edge/outages"

Failure = Literal["503", "reset"]

_UNAVAILABLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>ServiceUnavailable</Code><Message>Service is unable to handle request.</Message></Error>"""


class Outages:
    """WSGI middleware over the emulated AWS API that simulates outages of S3 in chosen regions. Requests to all other
    services still succeed.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._down: Mapping[str, Failure] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            return self._answer(environ, start_response)
        bucket = addressed_bucket(environ)
        failure = self._down.get(region_of(bucket) or "") if bucket is not None else None
        if failure is None:
            return self._application(environ, start_response)
        if failure == "reset":
            cast(socket.socket, environ["werkzeug.socket"]).shutdown(socket.SHUT_RDWR)
        start_response("503 Service Unavailable", [("Content-Type", "application/xml")])
        return [_UNAVAILABLE]

    def is_down(self, bucket: str) -> bool:
        """Returns whether an S3 bucket is in a region with a simulated outage. S3 replication from and to such a bucket
        also stops.
        """
        return region_of(bucket) in self._down

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "PUT":
            regions: object = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
            if not isinstance(regions, dict) or not set(cast(dict[str, object], regions).values()) <= {
                *get_args(Failure)
            }:
                start_response("400 Bad Request", [("Content-Type", "text/plain")])
                return [b'only {"<region>": "503"} or {"<region>": "reset"} is accepted\n']
            self._down = cast(dict[str, Failure], regions)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(self._down).encode()]


def region_of(bucket: str) -> str | None:
    """Returns the region of an S3 bucket, or None if the bucket does not exist."""
    backend: Any = s3_backends[AWS_ACCOUNT_ID]["aws"]
    found = backend.buckets.get(bucket)
    return None if found is None else found.region_name
