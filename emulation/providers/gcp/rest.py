"""Handles resource types that are created in a collection and then read, patched and deleted by their own path."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import httpx
import pulumi

from emulation.providers.handler import CloudError, Created, Properties

Clients = Callable[[], httpx.Client]

# The environment variable that the real provider reads: the base URL of Compute Engine, here `…/compute/v1/`. The other
# APIs have the same host.
ENDPOINT_VARIABLE = "GOOGLE_COMPUTE_CUSTOM_ENDPOINT"


def from_environment() -> httpx.Client:
    """Returns a client of the emulated Google Cloud. Raises CloudError rather than use the real Google Cloud."""
    url = os.environ.get(ENDPOINT_VARIABLE)
    if not url:
        raise CloudError(
            f"{ENDPOINT_VARIABLE} is not set: the emulated provider does not speak to the real Google Cloud"
        )
    return _client(url.removesuffix("compute/v1/"))


@cache
def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=30, trust_env=False)


def call(client: httpx.Client, method: str, path: str, body: Properties | None = None) -> Properties | None:
    """Returns the API's answer, or None if the resource does not exist. Raises CloudError with the API's message."""
    try:
        answer = client.request(method, path, json=body)
    except httpx.HTTPError as error:
        raise CloudError(f"the emulated Google Cloud does not answer: {error}") from error
    if answer.status_code == 404 and method != "POST":
        return None
    if answer.is_error:
        message = answer.json()["error"]["message"]
        raise CloudError(
            f"{path}: what it refers to does not exist: {message}" if answer.status_code == 404 else message
        )
    return answer.json() if answer.content else {}


@dataclass(frozen=True)
class Rest:
    """A handler that consists of the differences between types.

    `collection` returns the path to create in, and `request` the body of the creation. `outputs` converts the API's
    document to Pulumi's form. `changed` returns the body of a patch. `id_from` is the part of the path before the
    resource's id.
    """

    resource: type[pulumi.CustomResource]
    clients: Clients
    collection: Callable[[Properties], str]
    request: Callable[[Properties], Properties]
    outputs: Callable[[Properties], Properties]
    id_from: str
    changed: Callable[[Properties], Properties] = field(default=lambda inputs: {})
    replace_on: frozenset[str] = frozenset()

    def create(self, inputs: Properties) -> Created:
        made = cast(Properties, call(self.clients(), "POST", self.collection(inputs), self.request(inputs)))
        return Created(made["selfLink"].removeprefix(self.id_from), self._outputs(inputs, made))

    def read(self, id: str, state: Properties) -> Properties | None:
        found = call(self.clients(), "GET", self.id_from + id)
        return None if found is None else self._outputs(state, found)

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        changed = call(self.clients(), "PATCH", self.id_from + id, self.changed(new))
        if changed is None:
            raise CloudError(f"{id} is gone")
        return self._outputs(new, changed)

    def delete(self, id: str, state: Properties) -> None:
        if state.get("deletionProtection"):
            raise CloudError(f"{id} has deletion_protection; set it to false and `pulumi up` before it is deleted")
        call(self.clients(), "DELETE", self.id_from + id)

    def _outputs(self, given: Properties, document: Properties) -> Properties:
        """Returns the outputs from the cloud's document. Defaults are included only where the inputs have the
        property."""
        return {**given, **{name: value for name, value in self.outputs(document).items() if value is not None}}


def picked(document: Mapping[str, Any], *names: str) -> Properties:
    """Returns the members with these names that have a value."""
    return without_none({name: document.get(name) for name in names})


def without_none(document: Mapping[str, Any]) -> Properties:
    """Returns the document without members that are None, because the API treats None as absent."""
    return {name: value for name, value in document.items() if value is not None}
