"""Runs tasks in threads while a test runs its commands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def in_background(*tasks: Callable[[threading.Event], None]) -> Generator[None]:
    """Runs each task in its own thread during the `with` block.

    Each task gets an event. At the end of the block, this function sets the event and waits until all tasks have
    returned.
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
