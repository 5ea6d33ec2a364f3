"""Emulates the edge worker's purge endpoint, for tests of the registry that run without an edge."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, cast

import urllib3
from werkzeug.serving import make_server

from emulation.log import NoRequestLog
from workers.entitlements.protocol import signed

KEY = "the-key-of-purges"
_STATUS = {200: "200 OK", 400: "400 Bad Request", 403: "403 Forbidden", 429: "429 Too Many Requests"}


class PurgeEndpoint:
    """Emulates the purge endpoint of the edge worker (workers/edge/src/purges.ts).

    `purged` contains the keys of all accepted purges. `accepts` is a function that returns whether the rate limit
    allows another purge. While `away` is true, connections to the endpoint fail.
    """

    def __init__(self, accepts: Callable[[], bool] = lambda: True) -> None:
        self.accepts = accepts
        self.away = False
        self.purged: list[str] = []
        self._lock = threading.Lock()

    def answer(self, body: bytes, signature: str) -> int:
        if not signed(signature, body.decode(), KEY, time.time()):
            return 403
        ((kind, keys),) = json.loads(body).items()
        if kind not in ("keys", "packages", "versions") or not 1 <= len(keys) <= 100:
            return 400
        with self._lock:
            if not self.accepts():
                return 429
            self.purged += keys
        return 200

    def request(self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str]) -> Answered:
        """Replaces the HTTP client of the class WorkerPurges. Answers requests without a network connection."""
        assert (method, url.endswith("/-/purge")) == ("POST", True)
        if self.away:
            raise urllib3.exceptions.ProtocolError("the test took it away")
        return Answered(self.answer(body or b"", headers.get("x-artifact-edge-signature", "")))

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Serves the emulated purge endpoint as a WSGI application."""
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start(_STATUS[self.answer(body, environ.get("HTTP_X_ARTIFACT_EDGE_SIGNATURE", ""))], [])
        return [b""]


@contextmanager
def serving(application: Callable[..., Iterable[bytes]]) -> Generator[str]:
    """Serves a WSGI application on a free port, and yields its URL."""
    server = make_server("127.0.0.1", 0, cast(Any, application), threaded=True, request_handler=NoRequestLog)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Answered:
    """An HTTP response with the same interface as the responses of the library urllib3."""

    data = b""

    def __init__(self, status: int) -> None:
        self.status = status
