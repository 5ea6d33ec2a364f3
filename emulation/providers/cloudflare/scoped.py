"""Creates, reads, changes and deletes Cloudflare resources that belong to an account or a zone. Each resource type has
its own API endpoints for these operations.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pulumi
from cloudflare import NotFoundError

from emulation.providers.cloudflare.clients import Clients, api_errors
from emulation.providers.cloudflare.described import outputs, snake
from emulation.providers.handler import CloudError, Created, Properties, ReplacedBeforeDeletion


class Scoped(ReplacedBeforeDeletion):
    """The base class of the handlers for Cloudflare resource types that belong to an account or a zone. Each subclass
    serves one resource type. Its property `_api` returns the object in Cloudflare's SDK whose methods call the API
    endpoints of this type.
    """

    resource: type[pulumi.CustomResource]
    replace_on: frozenset[str]
    # The name of the Pulumi input that contains the id of the account or zone to which the resource belongs.
    scope: ClassVar[str]
    # The names of the inputs that the emulation supports for this resource type. Any other input raises CloudError.
    emulated: ClassVar[frozenset[str]]

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def create(self, inputs: Properties) -> Created:
        refuse_unsupported(inputs, self.emulated)
        with api_errors():
            created = self._api.create(**snake(inputs))
        return Created(created.id, outputs(self.resource, created, inputs))

    def read(self, id: str, state: Properties) -> Properties | None:
        with api_errors():
            try:
                return outputs(self.resource, self._api.get(id, **self._scope_arguments(id, state)), state)
            except NotFoundError:
                return None

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        refuse_unsupported(new, self.emulated)
        with api_errors():
            return outputs(self.resource, self._api.update(id, **snake(new)), new)

    def delete(self, id: str, state: Properties) -> None:
        with api_errors():
            try:
                self._api.delete(id, **self._scope_arguments(id, state))
            except NotFoundError:
                return

    @property
    def _api(self) -> Any:
        raise NotImplementedError

    def _scope_arguments(self, id: str, state: Properties) -> Properties:
        if self.scope not in state:
            raise CloudError(f"not emulated: importing {id} (its {self.scope} is not known)")
        return snake({self.scope: state[self.scope]})


def refuse_unsupported(inputs: Properties, emulated: frozenset[str]) -> None:
    """Raises CloudError if a Cloudflare resource has an input that the emulation would ignore."""
    others = sorted(name for name, value in inputs.items() if value is not None and name not in emulated)
    if others:
        raise CloudError(f"not emulated: {', '.join(others)} (emulated are {', '.join(sorted(emulated)) or 'none'})")
