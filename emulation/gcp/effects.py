"""Defines the side effects in the emulated Google Cloud when a resource is created, changed or deleted. Without side
effects, the emulation only stores the resource's JSON document.
"""

from __future__ import annotations

from typing import Protocol

from emulation.gcp.catalog import Json


class Effect(Protocol):
    """The side effects of one resource type on other data of the emulated Google Cloud. The emulation calls a method of
    this interface before it creates, updates or deletes the JSON document of a resource. If the method raises Refused,
    the document does not change.
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
