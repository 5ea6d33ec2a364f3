"""What commands and the world's long-running processes say: a line for what happened, none for each request."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from werkzeug.serving import WSGIRequestHandler


def report(line: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", flush=True)


def since_the_start() -> Callable[[str], None]:
    """Prints lines with the whole seconds since this call: how a command tells of its progress."""
    started = time.monotonic()
    return lambda line: print(f"[{time.monotonic() - started:4.0f} s] {line}", flush=True)


class Quiet(WSGIRequestHandler):
    """Of a server that is asked all the time."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass
