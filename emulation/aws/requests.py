"""Which object of the emulated S3 a request is about."""

from __future__ import annotations

import re
from typing import Any

_VIRTUAL_HOST = re.compile(r"^(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3[.-][a-z0-9-]*\.?amazonaws\.com(:\d+)?$")


def addressed_object(environ: dict[str, Any]) -> tuple[str, str] | None:
    """Bucket and key of a request for an S3 object, addressed by host (as the shields do) or by path."""
    bucket, key = _addressed(environ)
    return (bucket, key) if bucket and key else None


def addressed_bucket(environ: dict[str, Any]) -> str | None:
    """The bucket of a request that S3 has to answer."""
    return _addressed(environ)[0] or None


def _addressed(environ: dict[str, Any]) -> tuple[str, str]:
    path = environ["PATH_INFO"].lstrip("/")
    by_host = _VIRTUAL_HOST.match(environ.get("HTTP_HOST", ""))
    if by_host is not None:
        return by_host["bucket"], path
    bucket, _, key = path.partition("/")
    signed_for_s3 = "/s3/aws4_request" in environ.get("HTTP_AUTHORIZATION", "")
    return (bucket, key) if signed_for_s3 else ("", "")
