"""What the origin saw: S3 object reads by bucket and key, counted in front of the emulated API."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

PATH = "/_artifact-edge/requests"
"""GET answers `{"<bucket>/<key>": {"GET": 1}}`, with `?prefix=` only the keys that start so; DELETE forgets all."""

_VIRTUAL_HOST = re.compile(r"^(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3[.-][a-z0-9-]*\.?amazonaws\.com(:\d+)?$")

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class RequestCounter:
    """WSGI middleware over the emulated API."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._seen: Counter[tuple[str, str]] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            return self._answer(environ, start_response)
        read = addressed_object(environ) if environ["REQUEST_METHOD"] in ("GET", "HEAD") else None
        if read is not None:
            with self._lock:
                self._seen["/".join(read), environ["REQUEST_METHOD"]] += 1
        return self._application(environ, start_response)

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        prefix = parse_qs(environ.get("QUERY_STRING", "")).get("prefix", [""])[0]
        with self._lock:
            if environ["REQUEST_METHOD"] == "DELETE":
                self._seen.clear()
            seen: dict[str, dict[str, int]] = {}
            for (key, method), count in sorted(self._seen.items()):
                if key.startswith(prefix):
                    seen.setdefault(key, {})[method] = count
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(seen).encode()]


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
