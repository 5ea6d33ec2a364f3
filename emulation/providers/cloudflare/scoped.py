"""What is the same for all resources that live in an account or a zone and have endpoints of the usual form."""

from __future__ import annotations

from typing import Any, ClassVar

import pulumi
from cloudflare import NotFoundError

from emulation.providers.cloudflare.clients import Clients, asking
from emulation.providers.cloudflare.described import outputs, snake
from emulation.providers.handler import CloudError, Created, Properties, ReplacedBeforeDeletion


class Scoped(ReplacedBeforeDeletion):
    """A resource type's handler; a subclass says which type it is and which of the SDK's resources serves it."""

    resource: type[pulumi.CustomResource]
    replace_on: frozenset[str]
    scope: ClassVar[str]
    """The input that says which account or zone it is in."""
    emulated: ClassVar[frozenset[str]]
    """The inputs that the emulation applies; any other is refused."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def create(self, inputs: Properties) -> Created:
        refuse_others(inputs, self.emulated)
        with asking():
            created = self._api.create(**snake(inputs))
        return Created(created.id, outputs(self.resource, created, inputs))

    def read(self, id: str, state: Properties) -> Properties | None:
        with asking():
            try:
                return outputs(self.resource, self._api.get(id, **self._where(id, state)), state)
            except NotFoundError:
                return None

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        refuse_others(new, self.emulated)
        with asking():
            return outputs(self.resource, self._api.update(id, **snake(new)), new)

    def delete(self, id: str, state: Properties) -> None:
        with asking():
            try:
                self._api.delete(id, **self._where(id, state))
            except NotFoundError:
                return

    @property
    def _api(self) -> Any:
        raise NotImplementedError

    def _where(self, id: str, state: Properties) -> Properties:
        if self.scope not in state:
            raise CloudError(f"not emulated: importing {id} (its {self.scope} is not known)")
        return snake({self.scope: state[self.scope]})


def refuse_others(inputs: Properties, emulated: frozenset[str]) -> None:
    """Raises CloudError where an input is given that the emulation would ignore."""
    others = sorted(name for name, value in inputs.items() if value is not None and name not in emulated)
    if others:
        raise CloudError(f"not emulated: {', '.join(others)} (emulated are {', '.join(sorted(emulated)) or 'none'})")
