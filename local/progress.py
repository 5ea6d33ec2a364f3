"""Prints the progress of a command, with the seconds since its start before each line."""

from __future__ import annotations

import time
from collections.abc import Callable


def since_the_start() -> Callable[[str], None]:
    """Returns a function that prints a line of progress. Each line starts with the time in whole seconds since the call
    of `since_the_start`.
    """
    started = time.monotonic()
    return lambda line: print(f"[{time.monotonic() - started:4.0f} s] {line}", flush=True)
