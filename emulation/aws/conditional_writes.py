"""Makes the emulated S3 handle writes one after the other. moto 5.2 first checks the precondition of a write, such as
`If-None-Match: *`, and then writes. Without this module, two simultaneous writes could both pass the check.

On S3, several conditional writes of one key can come at once. The first write to end succeeds, and the others fail with
412 (S3 User Guide, "How to prevent object overwrites with conditional writes").
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from moto.s3.responses import S3Response

from emulation.aws.serialized import serialized

# A thread holds this lock while it writes to a bucket. A thread that replicates an object (replication.py) also holds
# the lock, because replication writes to the destination bucket.
WRITING = threading.RLock()
_WRITES = ("put_object", "copy_object", "delete_object")


def patches() -> Iterator[tuple[type, str, Callable[..., Any]]]:
    """Yields the class and the name of each method of moto that the emulation replaces, and the new method."""
    for name in _WRITES:
        yield S3Response, name, serialized(getattr(S3Response, name), WRITING)


def patch_conditional_writes() -> None:
    for owner, name, method in patches():
        setattr(owner, name, method)
