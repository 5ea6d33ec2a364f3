"""A generic handler for Google Cloud resource types. The handler creates a resource with a request to the path of a
collection, such as `projects/p/topics`. It reads, patches and deletes the resource at the resource's own path.
"""

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

# The environment variable with the base URL of the emulated Compute Engine, such as `…/compute/v1/`. Pulumi's real
# Google Cloud provider reads this variable too. The URLs of the other emulated Google APIs have the same host, so no
# other variable is needed.
ENDPOINT_VARIABLE = "GOOGLE_COMPUTE_CUSTOM_ENDPOINT"


def from_environment() -> httpx.Client:
    """Returns an HTTP client of the emulated Google Cloud. Raises CloudError if the environment variable with the
    emulation's URL is not set. The client therefore never connects to the real Google Cloud.
    """
    url = os.environ.get(ENDPOINT_VARIABLE)
    if not url:
        raise CloudError(
            f"{ENDPOINT_VARIABLE} is not set: the emulated provider does not speak to the real Google Cloud"
        )
    return _client(url.removesuffix("compute/v1/"))


@cache
def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=300, trust_env=False)


def call(client: httpx.Client, method: str, path: str, body: Properties | None = None) -> Properties | None:
    """Calls the Google Cloud API and returns the answer, or None if the requested resource does not exist. For other
    errors, raises CloudError with the API's message.
    """
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
    """Creates, reads, changes and deletes the resources of one Google Cloud resource type. The fields of the class
    contain what differs between the resource types.

    `collection` returns the path at which a resource is created, and `request` returns the body of the create request.
    `outputs` converts the API's JSON document of a resource to Pulumi outputs. `changed` returns the body of a PATCH
    request. `id_from` is the beginning of a resource's path in the API. The Pulumi id is the rest of the path.
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
            raise CloudError(f"{id} no longer exists")
        return self._outputs(new, changed)

    def delete(self, id: str, state: Properties) -> None:
        if state.get("deletionProtection"):
            raise CloudError(f"{id} has deletion_protection; set it to false and `pulumi up` before it is deleted")
        call(self.clients(), "DELETE", self.id_from + id)

    def _outputs(self, given: Properties, document: Properties) -> Properties:
        """Returns the Pulumi outputs of a Google Cloud resource. The values come from the resource's JSON document in
        the API. Outputs that the document does not have keep their values from `given`.
        """
        return {**given, **{name: value for name, value in self.outputs(document).items() if value is not None}}


def picked(document: Mapping[str, Any], *names: str) -> Properties:
    """Returns the members of a JSON document whose names are in `names`. Leaves out members that are None."""
    return without_none({name: document.get(name) for name in names})


def without_none(document: Mapping[str, Any]) -> Properties:
    """Returns a JSON document without members that are None. The Google Cloud API treats such a member as absent."""
    return {name: value for name, value in document.items() if value is not None}
