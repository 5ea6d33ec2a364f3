"""Simulates an outage of an AWS service in a region: the service answers 503, or closes the connection without an
answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, cast

from moto.s3.models import s3_backends
from pydantic import TypeAdapter, ValidationError

from emulation.aws.api_calls import signed_service
from emulation.aws.requests import addressed_bucket
from emulation.layout import AWS_ACCOUNT_ID
from emulation.origin_requests import Application

# The URL path at which tests start and end outages. GET answers a JSON object such as `{"s3": {"us-east-1": "503"}}`.
# The object maps each service (by its name in botocore) and each region to the way in which the service fails there.
# PUT replaces the object. A request without a signature names no region, so it succeeds during an outage. A request
# with an S3 bucket in its host name fails even without a signature, because the region of the bucket is known.
PATH = "/_artifact-edge/outages"

Failure = Literal["503", "reset"]
_Outages = Mapping[str, Mapping[str, Failure]]

_ACCEPTED: TypeAdapter[_Outages] = TypeAdapter(dict[str, dict[str, Failure]])
_UNAVAILABLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>ServiceUnavailable</Code><Message>Service is unable to handle request.</Message></Error>"""


class Outages:
    """WSGI middleware over the emulated AWS API that simulates outages of services in chosen regions. All other
    requests still succeed.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._down: _Outages = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            return self._answer(environ, start_response)
        service, region = _called(environ)
        failure = self._down.get(service, {}).get(region)
        if failure is None:
            return self._application(environ, start_response)
        if failure == "reset":
            cast(socket.socket, environ["werkzeug.socket"]).shutdown(socket.SHUT_RDWR)
        start_response("503 Service Unavailable", [("Content-Type", "application/xml")])
        return [_UNAVAILABLE if service == "s3" else b""]

    def is_down(self, bucket: str) -> bool:
        """Returns whether an S3 bucket is in a region with a simulated outage of S3. S3 replication from and to such a
        bucket also stops.
        """
        return region_of(bucket) in self._down.get("s3", {})

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "PUT":
            document = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            try:
                self._down = _ACCEPTED.validate_json(document)
            except ValidationError:
                start_response("400 Bad Request", [("Content-Type", "text/plain")])
                return [b'only {"<service>": {"<region>": "503"}} is accepted, or "reset" in place of "503"\n']
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(self._down).encode()]


def _called(environ: dict[str, Any]) -> tuple[str, str]:
    """Returns the service and the region to which a request goes, or two empty strings if the request contains neither
    of them.
    """
    bucket = addressed_bucket(environ)
    if bucket is not None:
        return "s3", region_of(bucket) or ""
    return signed_service(environ)


def region_of(bucket: str) -> str | None:
    """Returns the region of an S3 bucket, or None if the bucket does not exist."""
    backend: Any = s3_backends[AWS_ACCOUNT_ID]["aws"]
    found = backend.buckets.get(bucket)
    return None if found is None else found.region_name
