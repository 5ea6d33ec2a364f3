"""What the making, changing and removing of a resource does, beyond keeping its document."""

from __future__ import annotations

from typing import Protocol

from emulation.gcp.catalog import Json


class Effect(Protocol):
    """Each is called before the document is kept; Refused leaves things as they are."""

    def made(self, document: Json) -> None: ...

    def changed(self, old: Json, new: Json) -> None: ...

    def gone(self, document: Json) -> None: ...


class NoEffect:
    """Of a resource that is a document and no more."""

    def made(self, document: Json) -> None:
        pass

    def changed(self, old: Json, new: Json) -> None:
        pass

    def gone(self, document: Json) -> None:
        pass
