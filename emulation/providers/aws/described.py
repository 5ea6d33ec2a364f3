"""Creates, reads, changes and deletes resources of the emulated AWS whose API needs only one identifier to describe or
delete a resource.

The class Described implements what the handlers of all these types have in common. An object of the class handles one
resource type, with functions that call the AWS API.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import pulumi
from botocore.exceptions import ClientError

from emulation.providers.aws.clients import client
from emulation.providers.handler import CloudError, Created, Properties

Api = Any  # A boto3 client. The type is Any, because the client can belong to any AWS service.


def _cannot_change(api: Api, id: str, old: Properties, new: Properties) -> None:
    """Does nothing. This is the update function of AWS resource types whose inputs cannot change in place."""


@dataclass(frozen=True)
class Described:
    """Creates, reads, changes and deletes the resources of one AWS resource type. Four functions call the AWS API.

    `make` creates a resource and returns its identifier. `describe` returns the resource's outputs, or None if the
    resource does not exist. `remove` deletes the resource. `change` applies changed inputs to the resource without a
    replacement. If the API of the service exists in only one region, `only_region` names this region.
    """

    resource: type[pulumi.CustomResource]
    service: str
    _: KW_ONLY
    make: Callable[[Api, Properties], str]
    describe: Callable[[Api, str, Properties], Properties | None]
    remove: Callable[[Api, str, Properties], object]
    change: Callable[[Api, str, Properties, Properties], object] = _cannot_change
    replace_on: frozenset[str] = field(default_factory=frozenset[str])
    only_region: str = ""

    def create(self, inputs: Properties) -> Created:
        api = self._api(inputs)
        id = self.make(api, inputs)
        return Created(id, self._outputs_after(api, id, inputs))

    def read(self, id: str, state: Properties) -> Properties | None:
        api = self._api(state)
        found = unless_missing(lambda: self.describe(api, id, state))
        return None if found is None else {**state, **found}

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        api = self._api(new)
        self.change(api, id, old, new)
        return self._outputs_after(api, id, new)

    def delete(self, id: str, state: Properties) -> None:
        unless_missing(lambda: self.remove(self._api(state), id, state))

    def _api(self, properties: Properties) -> Api:
        return client(self.service, {"region": self.only_region} if self.only_region else properties)

    def _outputs_after(self, api: Api, id: str, inputs: Properties) -> Properties:
        found = self.describe(api, id, inputs)
        if found is None:
            raise CloudError(f"{id} does not exist right after its creation or change")
        return {**inputs, **found}


def unless_missing(call: Callable[[], Any]) -> Any:
    """Calls the AWS API and returns the result. Returns None if the API reports that the resource does not exist."""
    try:
        return call()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status == 404 or "NotFound" in code or "NonExistent" in code or code.startswith("NoSuch"):
            return None
        raise
