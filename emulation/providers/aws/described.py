"""The common case: a resource that the API creates, describes and deletes by one identifier.

Each type states its calls; what they share (a vanished resource is None, tags, regions) stands here once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import pulumi
from botocore.exceptions import ClientError

from emulation.providers.aws.clients import client
from emulation.providers.handler import CloudError, Created, Properties

Api = Any  # a boto3 client: typed loosely for the reason that `clients.client` gives


def _cannot_change(api: Api, id: str, old: Properties, new: Properties) -> None:
    """For types of which every property but the tags is in `replace_on`."""


@dataclass(frozen=True)
class Described:
    """A handler from four calls.

    `make` returns the new identifier; `describe` the outputs as the cloud has them, or None for no such resource;
    `remove` deletes; `change` brings about what `new` inputs say, for types that can be changed in place.
    """

    resource: type[pulumi.CustomResource]
    service: str
    _: KW_ONLY
    make: Callable[[Api, Properties], str]
    describe: Callable[[Api, str, Properties], Properties | None]
    remove: Callable[[Api, str, Properties], object]
    change: Callable[[Api, str, Properties, Properties], object] = _cannot_change
    replace_on: frozenset[str] = field(default_factory=frozenset[str])

    def create(self, inputs: Properties) -> Created:
        api = client(self.service, inputs)
        id = self.make(api, inputs)
        return Created(id, self._after(api, id, inputs))

    def read(self, id: str, state: Properties) -> Properties | None:
        api = client(self.service, state)
        found = unless_missing(lambda: self.describe(api, id, state))
        return None if found is None else {**state, **found}

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        api = client(self.service, new)
        self.change(api, id, old, new)
        return self._after(api, id, new)

    def delete(self, id: str, state: Properties) -> None:
        unless_missing(lambda: self.remove(client(self.service, state), id, state))

    def _after(self, api: Api, id: str, inputs: Properties) -> Properties:
        found = self.describe(api, id, inputs)
        if found is None:
            raise CloudError(f"{id} is gone right after it was written")
        return {**inputs, **found}


def unless_missing(call: Callable[[], Any]) -> Any:
    """What the call answers, or None where the API says that there is no such thing."""
    try:
        return call()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status == 404 or "NotFound" in code or "NonExistent" in code or code.startswith("NoSuch"):
            return None
        raise
