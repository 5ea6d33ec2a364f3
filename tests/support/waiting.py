"""Waits for changes that another process makes."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(holds: Callable[[], bool], seconds: float = 30) -> bool:
    """Returns whether the condition becomes true within the given seconds.

    The default is the time for which caches may keep a response.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
