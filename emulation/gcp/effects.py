"""Defines what the emulated Google Cloud does besides storing a resource's document, when the resource is created,
changed or deleted."""

from __future__ import annotations

from typing import Protocol

from emulation.gcp.catalog import Json


class Effect(Protocol):
    """What the emulated Google Cloud does when a resource of one type is created, changed or deleted. Each method runs
    before the resource's document is stored. If the method raises Refused, nothing is stored.
    """

    def create(self, document: Json) -> None: ...

    def update(self, old: Json, new: Json) -> None: ...

    def delete(self, document: Json) -> None: ...


class NoEffect:
    """Does nothing besides storing a resource's document, for resource types without side effects."""

    def create(self, document: Json) -> None:
        pass

    def update(self, old: Json, new: Json) -> None:
        pass

    def delete(self, document: Json) -> None:
        pass
