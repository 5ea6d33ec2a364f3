"""Checks the parameters of an API request against AWS's own model of the API, which botocore contains.

botocore's client refuses only wrong names, wrong types and values below a lower limit. Global Accelerator itself also
checks upper limits, patterns and enumerations (Global Accelerator API Reference, "Request Parameters" of each action).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

# Maps each type name of botocore's API models to the Python types that JSON values of this type have.
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "float": (int, float),
    "list": list,
    "structure": dict,
}


def violations(value: Any, shape: Any, path: str) -> Iterator[str]:
    """Yields an error message for each constraint that a value violates. `shape` is the botocore shape with the
    constraints. `path` is the value's name in the messages, such as `ports[0]`.
    """
    if not _has_type(value, shape.type_name):
        yield f"{path} is no {shape.type_name}: {value!r}"
    elif shape.type_name == "structure":
        yield from _of_structure(value, shape, path)
    elif shape.type_name == "list":
        yield from _of_size(len(value), shape, f"the length of {path}")
        for number, member in enumerate(value):
            yield from violations(member, shape.member, f"{path}[{number}]")
    elif shape.type_name == "string":
        yield from _of_text(value, shape, path)
    elif shape.type_name in ("integer", "float"):
        yield from _of_size(value, shape, path)


def _has_type(value: Any, name: str) -> bool:
    # In Python, `bool` is a subclass of `int`. The second condition refuses a boolean where the API expects a number.
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def _of_structure(value: Mapping[str, Any], shape: Any, path: str) -> Iterator[str]:
    members = cast(Mapping[str, Any], shape.members)
    yield from (f"{path} has no member {name}" for name in value.keys() - members.keys())
    yield from (f"{path} lacks {name}" for name in shape.required_members if name not in value)
    for name in value.keys() & members.keys():
        yield from violations(value[name], members[name], name if path == "the request" else f"{path}.{name}")


def _of_text(value: str, shape: Any, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{path} is {value!r}, and not one of {', '.join(shape.enum)}"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.search(pattern, value):
        yield f"{path} is {value!r}, which does not match {pattern}"
    if not shape.enum:
        yield from _of_size(len(value), shape, f"the length of {path}")


def _of_size(size: float, shape: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min", size), shape.metadata.get("max", size)
    if not least <= size <= most:
        yield f"{path} is {size}, and not from {least} to {most}"
