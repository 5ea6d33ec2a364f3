"""Prints the progress of a command, with the seconds since its start before each line."""

from __future__ import annotations

import time
from collections.abc import Callable


def since_the_start() -> Callable[[str], None]:
    """Returns a function that prints a line of progress. The line starts with the whole seconds since `since_the_start`
    was called.
    """
    started = time.monotonic()
    return lambda line: print(f"[{time.monotonic() - started:4.0f} s] {line}", flush=True)
