"""Property values as the engine sends them: decoding, and taking off and putting back secrets and unknowns.

The marks are those of the Pulumi SDK (`pulumi.runtime.rpc`): an unknown is one reserved string, a secret an object with
a reserved key. They may stand anywhere in a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc

from emulation.providers.handler import Properties

UNKNOWN = rpc.UNKNOWN
_MARK = rpc._special_sig_key  # pyright: ignore[reportPrivateUsage]  the SDK has no public name for it
_SECRET = rpc._special_secret_sig  # pyright: ignore[reportPrivateUsage]


def decode(struct: struct_pb2.Struct) -> Properties:
    """Plain Python values; whole numbers become int, since the wire knows only floating point. A member that is null is
    absent, as it is to the real providers."""
    return cast(Properties, _plain(json_format.MessageToDict(struct)))


def encode(properties: Properties) -> struct_pb2.Struct:
    """The message for plain values and marks; properties that are None are left out."""
    struct = struct_pb2.Struct()
    struct.update({name: value for name, value in properties.items() if value is not None})
    return struct


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and cast(Properties, value).get(_MARK) == _SECRET


def secret(value: Any) -> Any:
    """`value`, marked as secret; a mark more than one would say nothing new."""
    return value if is_secret(value) else {_MARK: _SECRET, "value": value}


def reveal(value: Any) -> Any:
    """`value` without any secret mark, at any depth."""
    if is_secret(value):
        return reveal(value.get("value"))
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in cast(Properties, value).items()}
    if isinstance(value, list):
        return [reveal(item) for item in cast(list[Any], value)]
    return value


def holds_secret(value: Any) -> bool:
    """Whether there is a secret mark anywhere in `value`."""
    return is_secret(value) or any(holds_secret(item) for item in _items(value))


def hide(properties: Properties, names: Iterable[str]) -> Properties:
    """`properties` with those of the given names marked as secret."""
    hidden = set(names)
    return {name: secret(value) if name in hidden else value for name, value in properties.items()}


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast(Properties, value).values()
    return cast(list[Any], value) if isinstance(value, list) else ()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in cast(Properties, value).items() if item is not None}
    if isinstance(value, list):
        return [_plain(item) for item in cast(list[Any], value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value
