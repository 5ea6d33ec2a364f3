"""Log output of the sandbox's long-running processes: one line for each event, and no lines for single requests."""

from __future__ import annotations

from datetime import UTC, datetime

from werkzeug.serving import WSGIRequestHandler


def report(line: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", flush=True)


class NoRequestLog(WSGIRequestHandler):
    """A WSGI request handler that logs no requests, for servers that are queried all the time."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass
