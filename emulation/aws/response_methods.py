"""Makes moto list the methods of each of its response classes only once.

A response class of moto has a method for each API operation of an AWS service. For each request, moto lists the methods
of the class to find the method for the requested operation. Without this patch, the listing takes longer than most EC2
operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

from moto.core import responses, utils

_names_of = cache(utils.method_names_from_class)


def patches() -> Iterator[tuple[ModuleType, str, Callable[..., Any]]]:
    """Yields a tuple for the one moto function that the emulation replaces: the module that contains the function, the
    function's name, and the replacement.
    """
    yield responses, "method_names_from_class", _names_of


def patch_response_methods() -> None:
    for owner, name, function in patches():
        setattr(owner, name, function)
