"""Writes the log of the long-running processes of a sandbox (emulated clouds). The log has one line for each event,
such as the start of a machine, and no lines for single HTTP requests.
"""

from __future__ import annotations

from datetime import UTC, datetime

from werkzeug.serving import WSGIRequestHandler


def report(line: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", flush=True)


class NoRequestLog(WSGIRequestHandler):
    """A WSGI request handler that writes no log lines for requests. Servers that other processes poll use this handler,
    so that their logs contain only what matters.
    """

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass
