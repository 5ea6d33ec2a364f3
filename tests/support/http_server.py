"""Runs an HTTP server with a test's own request handler, in a thread of the test process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def serving(
    handler: Callable[..., BaseHTTPRequestHandler], address: tuple[str, int] = ("127.0.0.1", 0)
) -> Generator[str]:
    """Listens on an address and port during the `with` block, and yields the server's URL. By default, the server uses
    a free port of the loopback address.
    """
    made: Any = handler
    server = ThreadingHTTPServer(address, made)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{address[0]}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Healthy(BaseHTTPRequestHandler):
    """Answers every GET request with status 200, as a healthy endpoint answers health checks."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass
