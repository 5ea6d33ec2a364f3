"""Checks the inputs of resources against the argument types of the Pulumi SDK. A wrong property therefore fails in the
emulation as it would in the cloud.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import pulumi
from pulumi import _types as sdk_types  # pyright: ignore[reportPrivateUsage]  the SDK has no public way

from emulation.providers import wire
from emulation.providers.handler import Properties


@dataclass(frozen=True)
class Failure:
    """A resource input that the cloud would refuse. `path` is the path of the property, and `reason` is a message for
    the user.
    """

    path: str
    reason: str


@dataclass(frozen=True)
class Shape:
    """The properties that an argument class of the Pulumi SDK accepts. `types` maps each camelCase name to the
    property's type, and `required` has the names of the required properties.
    """

    types: Mapping[str, Any]
    required: frozenset[str]


def token_of(resource: type[pulumi.CustomResource]) -> str:
    """Returns the Pulumi type token of a resource class, e.g. `aws:s3/bucket:Bucket`."""
    return cast(Any, resource).pulumi_type


def outputs_of(resource: type[pulumi.CustomResource]) -> frozenset[str]:
    """Returns the camelCase names of all output properties of a Pulumi resource class."""
    return frozenset(cast(Any, sdk_types).resource_types(resource))


@cache
def shape_of_resource(resource: type[pulumi.CustomResource]) -> Shape:
    """Returns the properties that the constructor of a Pulumi resource class accepts.

    The Pulumi SDK declares these properties in the class `<Name>Args`. If a nested type already has this name, as with
    BucketVersioning, the SDK declares them in the class `<Name>InitArgs`.
    """
    module = sys.modules[resource.__module__]
    name = resource.__name__
    return shape_of(getattr(module, f"{name}InitArgs", None) or getattr(module, f"{name}Args"))


@cache
def shape_of(arguments: type) -> Shape:
    """Returns the properties that one argument class of the Pulumi SDK accepts."""
    names: Mapping[str, str] = cast(Any, sdk_types).input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters.values()
    required = {
        parameter.name
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    }
    types: Mapping[str, Any] = cast(Any, sdk_types).input_type_types(arguments)
    return Shape(types, frozenset(names.get(name, name) for name in required))


def check(resource: type[pulumi.CustomResource], inputs: Properties) -> list[Failure]:
    """Returns a failure for each missing input of a resource, and for each input that the Pulumi SDK does not accept.

    `inputs` may still contain secrets and unknown values.
    """
    return list(_failures(shape_of_resource(resource), inputs, "", token_of(resource)))


def _failures(shape: Shape, values: Properties, prefix: str, owner: str) -> Iterator[Failure]:
    for name in sorted(shape.required - values.keys()):
        yield Failure(prefix + name, f"{owner}: missing required property '{prefix}{name}'")
    for name, value in values.items():
        if name.startswith("__"):
            # Skips properties whose names begin with two underscores, such as __defaults. They come from the Pulumi
            # engine and not from the program.
            continue
        if name not in shape.types:
            accepted = ", ".join(sorted(shape.types))
            yield Failure(prefix + name, f"{owner}: unknown property '{prefix}{name}' (accepted: {accepted})")
        else:
            yield from _nested(shape.types[name], wire.reveal(value), prefix + name, owner)


def _nested(expected: Any, value: Any, path: str, owner: str) -> Iterator[Failure]:
    expected = _without_input_wrappers(expected)
    if value == wire.UNKNOWN or value is None:
        return
    if isinstance(value, dict) and _is_arguments(expected):
        yield from _failures(shape_of(expected), cast(Properties, value), f"{path}.", owner)
    elif isinstance(value, list) and typing.get_origin(expected) in (list, Sequence, typing.Sequence):
        for index, item in enumerate(cast(list[Any], value)):
            yield from _nested(typing.get_args(expected)[0], item, f"{path}[{index}]", owner)
    elif expected in (str, bool, int) and not _is_scalar(value):
        yield Failure(path, f"{owner}: property '{path}' is {value!r}, expected {expected.__name__}")


def _is_scalar(value: Any) -> bool:
    """Returns whether an input is neither a list nor an object. The type of a single value does not matter, because
    real providers convert strings such as "true" or "80" to the required type.
    """
    return not isinstance(value, (dict, list))


def _is_arguments(expected: Any) -> bool:
    return isinstance(expected, type) and bool(cast(Any, sdk_types).is_input_type(expected))


def _without_input_wrappers(expected: Any) -> Any:
    """Returns the type T of a Pulumi SDK argument whose declared type is `Input[T]` or `Optional[T]`."""
    while typing.get_origin(expected) is typing.Union:
        members = typing.get_args(expected)
        expected = next((m for m in members if _is_arguments(m)), members[0])
    return expected
