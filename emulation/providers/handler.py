"""The interface of a resource type's handler, for any emulated cloud.

The gRPC provider for the engine uses the handlers, and so do the unit tests' Pulumi mocks. Handlers use the SDK's wire
names (camelCase) and plain JSON values. The provider removes and restores markers of unknown and secret values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import pulumi

Properties = dict[str, Any]


@dataclass(frozen=True)
class Created:
    """A new resource: the id that the cloud assigned, and all output properties (inputs included)."""

    id: str
    outputs: Properties


class Handler(Protocol):
    """The handler of one resource type. Methods raise CloudError with a message for the user; the resource is then not
    created or changed."""

    @property
    def resource(self) -> type[pulumi.CustomResource]:
        """The SDK's class, which defines the type token and the argument types that inputs are checked against."""
        ...

    @property
    def replace_on(self) -> frozenset[str]:
        """Top-level input properties that the cloud cannot change in place."""
        ...

    def create(self, inputs: Properties) -> Created: ...

    def read(self, id: str, state: Properties) -> Properties | None:
        """Returns the current outputs from the cloud, or None if the resource does not exist.

        `state` contains Pulumi's last known properties and is empty on import. A property that is also an input must
        have the form of the input, because any difference counts as drift.
        """
        ...

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        """Applies the `new` inputs and returns all outputs. `old` are the last known outputs."""
        ...

    def delete(self, id: str, state: Properties) -> None:
        """Deletes the resource. Does nothing if the resource no longer exists."""
        ...


class ReplacedBeforeDeletion:
    """Marks a handler whose old and new resource can exist at the same time.

    Pulumi then creates a replacement and moves its users before it deletes the old resource. Without this mark Pulumi
    deletes the old resource first, because its name must be free.
    """


class Function(Protocol):
    """The handler of one data source (`invoke`), such as `aws:ec2/getAmi:getAmi`."""

    token: str

    def invoke(self, arguments: Properties) -> Properties: ...


class CloudError(Exception):
    """The emulated cloud refused a request. The message is shown to the user."""
