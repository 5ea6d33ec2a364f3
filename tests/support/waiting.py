"""Waits in a test for changes that another process makes."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(holds: Callable[[], bool], seconds: float = 120) -> bool:
    """Returns whether the condition becomes true within the given seconds.

    The default is long, because the machine runs other tests at the same time.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
