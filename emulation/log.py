"""What the sandbox's long-running processes say: a line for what happened, none for each request."""

from __future__ import annotations

from datetime import UTC, datetime

from werkzeug.serving import WSGIRequestHandler


def report(line: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", flush=True)


class Quiet(WSGIRequestHandler):
    """Of a server that is asked all the time."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass
