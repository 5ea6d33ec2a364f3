"""What one resource type's handler must do, for any emulated cloud.

A handler serves twice: behind the gRPC provider that the real engine talks to, and in process, as the unit tests'
Pulumi mocks. It speaks the SDK's wire names (camelCase) in plain JSON values: no unknowns, no secrets wrappers; the
provider takes those off and puts them back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import pulumi

Properties = dict[str, Any]


@dataclass(frozen=True)
class Created:
    """The identity that the cloud gave to a new resource, and all its output properties (inputs included)."""

    id: str
    outputs: Properties


class Handler(Protocol):
    """One resource type on one emulated cloud.

    Errors are raised as `CloudError` with a message a user can act on; the resource is then not created or changed.
    """

    @property
    def resource(self) -> type[pulumi.CustomResource]:
        """The SDK's class: gives the type token and the argument types that inputs are checked against."""
        ...

    @property
    def replace_on(self) -> frozenset[str]:
        """Top-level input properties that the cloud cannot change in place."""
        ...

    def create(self, inputs: Properties) -> Created: ...

    def read(self, id: str, state: Properties) -> Properties | None:
        """The outputs as the cloud has them now, or None when it has no such resource.

        `state` is what Pulumi last knew (empty on import). A property also given as input must come back in the shape
        in which it was given, or drift would be reported where there is none.
        """
        ...

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        """Makes the resource what `new` inputs say; returns all outputs. `old` are the last known outputs."""
        ...

    def delete(self, id: str, state: Properties) -> None:
        """Deletes the resource; one that is gone already is not an error."""
        ...


class ReplacedBeforeDeletion:
    """Marks a handler whose resources can stand side by side: a replacement is made first, and what used the old one
    is moved to it before that goes. Without the mark the old one goes first, as its name must be free."""


class Function(Protocol):
    """One data source (`invoke`), such as `aws:ec2/getAmi:getAmi`."""

    token: str

    def invoke(self, arguments: Properties) -> Properties: ...


class CloudError(Exception):
    """The emulated cloud refused; the message is what the user reads."""
