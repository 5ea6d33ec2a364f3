"""Converts property values between the messages of the Pulumi engine and plain Python values, and adds or removes the
markers of secrets.

The markers are those of the Pulumi SDK (`pulumi.runtime.rpc`). An unknown value is one reserved string. A secret is an
object with a reserved key. Markers can occur at any depth of a value.
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
    """Converts a message from the Pulumi engine to plain Python values.

    Whole numbers become int, although the message format has only floating-point numbers. As in real providers, members
    that are null are left out.
    """
    return cast(Properties, _plain(json_format.MessageToDict(struct)))


def encode(properties: Properties) -> struct_pb2.Struct:
    """Returns property values as a message for the Pulumi engine. The values may contain secret markers. Properties
    that are None are left out."""
    struct = struct_pb2.Struct()
    struct.update({name: value for name, value in properties.items() if value is not None})
    return struct


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and cast(Properties, value).get(_MARK) == _SECRET


def secret(value: Any) -> Any:
    """Returns a property value with Pulumi's marker of a secret. A value that already has the marker is returned
    unchanged."""
    return value if is_secret(value) else {_MARK: _SECRET, "value": value}


def reveal(value: Any) -> Any:
    """Returns a property value without Pulumi's markers of secrets, at any depth."""
    if is_secret(value):
        return reveal(value.get("value"))
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in cast(Properties, value).items()}
    if isinstance(value, list):
        return [reveal(item) for item in cast(list[Any], value)]
    return value


def holds_secret(value: Any) -> bool:
    """Returns whether a property value contains a Pulumi secret at any depth."""
    return is_secret(value) or any(holds_secret(item) for item in _items(value))


def hide(properties: Properties, names: Iterable[str]) -> Properties:
    """Returns the properties of a resource, and marks the properties that `names` lists as Pulumi secrets."""
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
