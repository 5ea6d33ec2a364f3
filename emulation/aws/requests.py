"""Parses the bucket and the key of a request to the emulated S3 once, in the outermost middleware."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from emulation.origin_requests import Application

_KEY = "emulation.s3"
_VIRTUAL_HOST = re.compile(r"^(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3[.-][a-z0-9-]*\.?amazonaws\.com(:\d+)?$")


@dataclass(frozen=True)
class S3Address:
    """The bucket and the key that a request names. Either is empty if the request does not name it."""

    bucket: str = ""
    key: str = ""


class S3Addresses:
    """WSGI middleware over the emulated API: stores the S3 address of each request in its environ for the inner
    layers."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ[_KEY] = _address(environ)
        return self._application(environ, start_response)


def addressed_object(environ: dict[str, Any]) -> tuple[str, str] | None:
    """Returns the bucket and the key, or None if the request is not for an S3 object."""
    address: S3Address = environ[_KEY]
    return (address.bucket, address.key) if address.bucket and address.key else None


def addressed_bucket(environ: dict[str, Any]) -> str | None:
    """Returns the bucket, or None if the request is not for a bucket of S3."""
    address: S3Address = environ[_KEY]
    return address.bucket or None


def _address(environ: dict[str, Any]) -> S3Address:
    """Returns the S3 address of a request. Shields put the bucket in the host name; other clients sign for S3 and put
    the bucket in the path."""
    path = environ["PATH_INFO"].lstrip("/")
    by_host = _VIRTUAL_HOST.match(environ.get("HTTP_HOST", ""))
    if by_host is not None:
        return S3Address(by_host["bucket"], path)
    bucket, _, key = path.partition("/")
    signed_for_s3 = "/s3/aws4_request" in environ.get("HTTP_AUTHORIZATION", "")
    return S3Address(bucket, key) if signed_for_s3 else S3Address()
