"""Makes moto list its services only once.

moto lists its services twice at each request, by reading a directory. All other requests wait meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import moto.backends as moto_backends

_NAMES = frozenset(moto_backends.list_of_moto_modules())


def patches() -> Iterator[tuple[ModuleType, str, Callable[..., Any]]]:
    """Yields a tuple for the one moto function that the emulation replaces: the module that contains the function, the
    function's name, and the replacement.
    """
    yield moto_backends, "list_of_moto_modules", lambda: _NAMES


def patch_service_names() -> None:
    for owner, name, function in patches():
        setattr(owner, name, function)
