"""Checks the JSON of requests to the emulated Google Cloud: the allowed members of each object and the types of their
values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from emulation.gcp.catalog import Json, Refused

Check = Callable[[Any, str], None]


@dataclass(frozen=True)
class Shape:
    """Checks a JSON object in a request to the emulated Google Cloud. The object may have only the given members, and
    the members in `needed` are required.

    An object of this class is called like a function, with the value to check. The call raises Refused if the value is
    invalid. `where` is the path of the JSON object in the request, for error messages.
    """

    members: Mapping[str, Check]
    needed: frozenset[str] = frozenset()

    def __call__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise Refused(400, f"Invalid value at '{where}': an object is expected")
        given = cast(Json, value)
        unknown = sorted(given.keys() - self.members.keys())
        if unknown:
            raise Refused(501, f"not emulated: {', '.join(f'{where}.{name}' for name in unknown)}")
        missing = sorted(name for name in self.needed if given.get(name) is None)
        if missing:
            raise Refused(400, f"Field {where}.{missing[0]} must be specified")
        for name, member in given.items():
            if member is not None:
                self.members[name](member, f"{where}.{name}")


def shape(needed: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Shape:
    return Shape({**needed, **(optional or {})}, frozenset(needed))


def text(value: Any, where: str) -> None:
    if not isinstance(value, str):
        raise Refused(400, f"Invalid value at '{where}': a string is expected")


def number(value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(400, f"Invalid value at '{where}': a number is expected")


def flag(value: Any, where: str) -> None:
    if not isinstance(value, bool):
        raise Refused(400, f"Invalid value at '{where}': true or false is expected")


def one_of(*values: str) -> Check:
    def check(value: Any, where: str) -> None:
        if value not in values:
            raise Refused(400, f"Invalid value at '{where}': {value!r}")

    return check


def seconds(least: int, most: int, step: int = 60) -> Check:
    """Returns a function that checks a duration such as `300s` in a request. The duration must be between `least` and
    `most` seconds and a multiple of `step`."""

    def check(value: Any, where: str) -> None:
        digits = value.removesuffix("s") if isinstance(value, str) else ""
        if not digits.isdigit() or not least <= int(digits) <= most or int(digits) % step:
            raise Refused(400, f"Field {where} had an invalid value: {value!r} ({least}s to {most}s, by {step}s)")

    return check


def each(check: Check) -> Check:
    """Returns a function that checks a list in a request: each item of the list must pass `check`."""

    def checked(value: Any, where: str) -> None:
        if not isinstance(value, list):
            raise Refused(400, f"Invalid value at '{where}': a list is expected")
        for number, member in enumerate(cast(list[Any], value)):
            check(member, f"{where}[{number}]")

    return checked


def texts(value: Any, where: str) -> None:
    """Raises Refused unless a value in a request is a JSON object whose members are strings."""
    if not isinstance(value, dict) or not all(isinstance(member, str) for member in cast(Json, value).values()):
        raise Refused(400, f"Invalid value at '{where}': strings by name are expected")
