"""Counts the reads of objects in the emulated S3 and Cloud Storage. Tests use the counts to see which client requests
reached the origin.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

# The URL path at which tests read how many requests the emulated storage has received for each object. GET returns
# `{"<bucket>/<key>": {"GET": 1}}`. With `?prefix=`, GET returns only keys with that prefix. DELETE sets all counts to
# zero.
PATH = "/_artifact-edge/requests"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# A function that takes an HTTP request and returns the bucket and the key of the requested object. For a request to
# anything else, the function returns None.
Addressed = Callable[[dict[str, Any]], tuple[str, str] | None]


class RequestCounter:
    """WSGI middleware over an emulated storage API that counts GET and HEAD requests for objects, and passes each
    request on to the API.
    """

    def __init__(self, application: Application, addressed: Addressed) -> None:
        self._application = application
        self._addressed = addressed
        self._lock = threading.Lock()
        self._seen: Counter[tuple[str, str]] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            return self._answer(environ, start_response)
        read = self._addressed(environ) if environ["REQUEST_METHOD"] in ("GET", "HEAD") else None
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
