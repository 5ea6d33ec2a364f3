"""Lets only one thread at a time run a method of moto. The emulated AWS handles each request in a thread of its own,
and moto's methods take no locks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


def serialized(method: Callable[..., Any], lock: threading.RLock) -> Callable[..., Any]:
    """Returns a method that holds `lock` while it calls `method`."""

    def alone(*arguments: Any, **more: Any) -> Any:
        with lock:
            return method(*arguments, **more)

    return alone
