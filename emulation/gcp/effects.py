"""Defines the side effects in the emulated Google Cloud when a resource is created, changed or deleted. Without side
effects, the emulation only stores the resource's JSON document.
"""

from __future__ import annotations

from typing import Protocol

from emulation.gcp.catalog import Json


class Effect(Protocol):
    """The interface of a side effect: it changes other data of the emulated Google Cloud when a resource of one type is
    created, changed or deleted. The emulation calls one of these methods before it stores or deletes the resource's
    JSON document. If the method raises Refused, nothing is stored.
    """

    def create(self, document: Json) -> None: ...

    def update(self, old: Json, new: Json) -> None: ...

    def delete(self, document: Json) -> None: ...


class NoEffect:
    """Does nothing when a resource is created, changed or deleted. For the resources of some types, the emulated Google
    Cloud only stores JSON documents.
    """

    def create(self, document: Json) -> None:
        pass

    def update(self, old: Json, new: Json) -> None:
        pass

    def delete(self, document: Json) -> None:
        pass
