"""Helpers for tests that wait for a change by another process."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(holds: Callable[[], bool], seconds: float = 120) -> bool:
    """Waits until the condition becomes true. Returns false if it stays false for the given number of seconds.

    The default time is long, because the computer may run other tests at the same time.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
