"""Defines the interface through which an emulated Pulumi provider creates, reads, changes and deletes resources of one
type, in any cloud.

The gRPC provider for the Pulumi engine uses the handlers, and so do the Pulumi mocks of the unit tests. Handlers use
plain JSON values, and property names in camelCase like the Pulumi engine. Handlers do not see the markers of unknown
and secret values, because the provider removes and restores these markers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import pulumi

Properties = dict[str, Any]


@dataclass(frozen=True)
class Created:
    """A resource that a handler created in an emulated cloud. `id` is the id that the cloud assigned, and `outputs` has
    all output properties, including the inputs.
    """

    id: str
    outputs: Properties


class Handler(Protocol):
    """Creates, reads, changes and deletes the resources of one type in an emulated cloud. If a method raises
    CloudError, the method has changed nothing in the cloud. Pulumi prints the message of the error.
    """

    @property
    def resource(self) -> type[pulumi.CustomResource]:
        """The class of the Pulumi SDK for the resource type that this handler emulates.

        The class defines the type token and the types of the inputs.
        """
        ...

    @property
    def replace_on(self) -> frozenset[str]:
        """The names of the top-level inputs that the cloud cannot change in place. If one of these inputs changes,
        Pulumi replaces the resource.
        """
        ...

    def create(self, inputs: Properties) -> Created: ...

    def read(self, id: str, state: Properties) -> Properties | None:
        """Returns the current outputs of a resource from the cloud, or None if the resource does not exist.

        `state` contains the properties in the Pulumi state and is empty on import. A property that is also an input
        must have the form of the input, because Pulumi shows any difference as a change in the cloud.
        """
        ...

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        """Changes a resource in place to its `new` inputs and returns all outputs. `old` are the outputs in the Pulumi
        state."""
        ...

    def delete(self, id: str, state: Properties) -> None:
        """Deletes a resource from the cloud. Does nothing if the resource no longer exists."""
        ...


class ReplacedBeforeDeletion:
    """Marks a resource type whose old and new resource can exist at the same time.

    To replace a resource of a marked type, Pulumi first creates the new resource. After dependent resources use the new
    resource, Pulumi deletes the old one. Without the marker, Pulumi deletes the old resource first, because the cloud
    refuses two resources with the same name.
    """


class HoldsSets:
    """The base class of handlers for resource types with inputs that the real provider treats as sets. `sets` has the
    names of these inputs. Such an input has not changed if only the order of its elements differs, or if elements are
    repeated.
    """

    sets: frozenset[str]


class Function(Protocol):
    """Serves one Pulumi data source (`invoke`), such as `aws:ec2/getAmi:getAmi`."""

    token: str

    def invoke(self, arguments: Properties) -> Properties: ...


class CloudError(Exception):
    """Raised when an emulated cloud refuses a request of the Pulumi provider. Pulumi prints the error's message."""
