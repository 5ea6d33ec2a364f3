"""Makes moto list the methods of each class of responses only once.

moto looks for the operation of a request among all functions of a class. Without this patch, moto inspects the class
again for each request, which takes longer than most operations of EC2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

from moto.core import responses, utils

_names_of = cache(utils.method_names_from_class)


def patches() -> Iterator[tuple[ModuleType, str, Callable[..., Any]]]:
    """Yields the function of moto that the emulation replaces: the module, the function's name, and the new
    function.
    """
    yield responses, "method_names_from_class", _names_of


def patch_response_methods() -> None:
    for owner, name, function in patches():
        setattr(owner, name, function)
