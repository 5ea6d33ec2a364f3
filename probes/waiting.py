"""Waits until a change that a probe has made takes effect in the cloud."""

from __future__ import annotations

import time
from collections.abc import Callable

from probes.fact import ProbeError

_PAUSE_SECONDS = 1.0


def until(condition: Callable[[], bool], problem: str, timeout_seconds: float) -> None:
    """Waits until `condition` returns true. Raises ProbeError with the message `problem` after `timeout_seconds`."""
    if not becomes_true(condition, timeout_seconds):
        raise ProbeError(f"{problem} after {timeout_seconds:.0f} seconds; try again later")


def becomes_true(condition: Callable[[], bool], timeout_seconds: float) -> bool:
    """Waits until `condition` returns true, for at most `timeout_seconds`. Returns whether the condition became true in
    this time.
    """
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True
