"""Side effects of creating, changing and deleting a resource, beyond storing its document."""

from __future__ import annotations

from typing import Protocol

from emulation.gcp.catalog import Json


class Effect(Protocol):
    """The side effects of one resource type. Each method runs before the document is stored; if it raises Refused,
    nothing changes."""

    def create(self, document: Json) -> None: ...

    def update(self, old: Json, new: Json) -> None: ...

    def delete(self, document: Json) -> None: ...


class NoEffect:
    """The side effects of a resource that is only a document: none."""

    def create(self, document: Json) -> None:
        pass

    def update(self, old: Json, new: Json) -> None:
        pass

    def delete(self, document: Json) -> None:
        pass
