"""What an emulated object store was asked for: reads of objects, counted in front of its API."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

PATH = "/_artifact-edge/requests"
"""GET answers `{"<bucket>/<key>": {"GET": 1}}`, with `?prefix=` only the keys that start so; DELETE forgets all."""

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Addressed = Callable[[dict[str, Any]], tuple[str, str] | None]
"""Bucket and key of a request for an object."""


class RequestCounter:
    """WSGI middleware over the emulated API."""

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
