"""Finds the bucket and the key in a request to the emulated S3. The middleware in this module stores both in the
request, and other middleware of the emulated AWS reads them from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from emulation.aws.refusals import refuse
from emulation.origin_requests import Application

_KEY = "emulation.s3"
_MOST_KEY_BYTES = 1024
_MOST_HEADER_BYTES = 8192
_VIRTUAL_HOST = re.compile(r"^(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3[.-][a-z0-9-]*\.?amazonaws\.com(:\d+)?$")


@dataclass(frozen=True)
class S3Address:
    """The S3 bucket and the object key that a request names. A field is an empty string if the request names no bucket
    or no key.
    """

    bucket: str = ""
    key: str = ""


class S3Addresses:
    """WSGI middleware over the emulated AWS API that finds the S3 bucket and key of each request. The middleware stores
    the bucket and the key in the WSGI environ of the request, from which later middleware reads both. A request with a
    key or a header section that is too long for S3 is refused.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        address = environ[_KEY] = _address(environ)
        # WSGI decodes each byte of an object key to one character, so `len` counts the key's bytes.
        if len(address.key) > _MOST_KEY_BYTES:
            return refuse(start_response, "s3", "rest-xml", "KeyTooLongError", "Your key is too long")
        if address.bucket and _header_bytes(environ) > _MOST_HEADER_BYTES:
            message = "Your request header section exceeds the maximum allowed size."
            return refuse(start_response, "s3", "rest-xml", "RequestHeaderSectionTooLarge", message)
        return self._application(environ, start_response)


def addressed_object(environ: dict[str, Any]) -> tuple[str, str] | None:
    """Returns the S3 bucket and key of a request, or None if the request is not for an S3 object."""
    address: S3Address = environ[_KEY]
    return (address.bucket, address.key) if address.bucket and address.key else None


def addressed_bucket(environ: dict[str, Any]) -> str | None:
    """Returns the S3 bucket of a request, or None if the request is not for a bucket."""
    address: S3Address = environ[_KEY]
    return address.bucket or None


def _header_bytes(environ: dict[str, Any]) -> int:
    """Returns the size of a request's header section, with the two separators of each header."""
    headers = {name.removeprefix("HTTP_"): value for name, value in environ.items() if name.startswith("HTTP_")}
    return sum(len(name) + len(": ") + len(value) + len("\r\n") for name, value in headers.items())


def _address(environ: dict[str, Any]) -> S3Address:
    """Returns the S3 bucket and key of a request. Regional shield caches put the bucket in the host name. Other clients
    put the bucket in the path, and their signature shows that the request is for S3.
    """
    path = environ["PATH_INFO"].lstrip("/")
    by_host = _VIRTUAL_HOST.match(environ.get("HTTP_HOST", ""))
    if by_host is not None:
        return S3Address(by_host["bucket"], path)
    bucket, _, key = path.partition("/")
    signed_for_s3 = "/s3/aws4_request" in environ.get("HTTP_AUTHORIZATION", "")
    return S3Address(bucket, key) if signed_for_s3 else S3Address()
