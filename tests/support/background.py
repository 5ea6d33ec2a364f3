"""Runs tasks in background threads during a test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def in_background(*tasks: Callable[[threading.Event], None]) -> Generator[None]:
    """Runs each task in its own thread during the `with` block.

    Each task gets an event that tells it to return. At the end of the block, the function sets the event and waits for
    all tasks.
    """
    ended = threading.Event()
    threads = [threading.Thread(target=task, args=(ended,)) for task in tasks]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
