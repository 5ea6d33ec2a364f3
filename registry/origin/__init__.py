"""The origin bucket: immutable objects that are never overwritten, and documents that never go back in time.

The rules for all clouds are in this module. `s3.py` and `gcs.py` hold the conditional writes of each store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from registry import RegistryError
from registry.catalog.artifact import Blob, Document

_TRIES = 20


class StoreError(RegistryError):
    """A store refused, or did not answer; the message says what."""


@dataclass(frozen=True)
class Held:
    """An object that is there. `mark` is another one after each write of it; `metadata` is what it was written with."""

    mark: str
    metadata: Mapping[str, str]


class ObjectStore(Protocol):
    """A bucket. What it cannot do raises botocore's errors, or StoreError."""

    def find(self, key: str) -> Held | None: ...

    def read(self, key: str) -> bytes: ...

    def add(self, blob: Blob, metadata: Mapping[str, str]) -> bool:
        """Writes an immutable object; False where anything stands there. Of two who add at once, one is told so."""
        ...

    def replace(self, document: Document, body: bytes, metadata: Mapping[str, str], mark: str) -> bool:
        """Writes a document, unless what stands there is not what `mark` was of; empty for nothing."""
        ...

    def remove(self, key: str, mark: str = "") -> bool:
        """Takes an object from its readers, its versions stay; False where it is not what `mark`, if given, was of."""
        ...

    def copy(self, key: str, to: str) -> bool:
        """With its metadata; False where there is nothing to copy."""
        ...


class Origin:
    """The primary bucket of a stack; its cloud copies what is written here to wherever else it is kept."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def create(self, blob: Blob) -> None:
        """Writes an object that is not there yet, and leaves it alone where it is there with the same bytes."""
        metadata = {"sha256": blob.sha256} | ({"digest": blob.digest} if blob.digest else {})
        if not self._store.add(blob, metadata):
            self._expect_same(blob)

    def holds(self, key: str, sha256: str) -> bool:
        """Whether the object is there with these bytes."""
        held = self._store.find(key)
        return held is not None and held.metadata.get("sha256") == sha256

    def _expect_same(self, blob: Blob) -> None:
        held = self._store.find(blob.key)
        there = held.metadata.get("sha256", "unknown") if held else "unknown"
        if there != blob.sha256:
            raise RegistryError(
                f"{blob.key}: exists with other bytes (SHA-256 {there}, not {blob.sha256}), and what was published "
                "never changes; publish a new version"
            )

    def read(self, key: str) -> bytes:
        return self._store.read(key)

    def render(self, document: Document, revision: int, published: str) -> bool:
        """Writes the document, or removes it, unless one of the same or a later revision is there; says whether it did.

        Two publishers may render at once. Each write is bound to what was seen before it, and the later revision, which
        knows all that the earlier knew, stays.
        """
        metadata = {"revision": str(revision), "published": published}
        metadata |= {"digest": document.digest} if document.digest else {}
        for _ in range(_TRIES):
            mark, there = self._revision_of(document.key)
            if there >= revision or (document.body is None and not mark):
                return False
            if document.body is None:
                done = self._store.remove(document.key, mark)
            else:
                done = self._store.replace(document, document.body, metadata, mark)
            if done:
                return True
        raise RegistryError(f"{document.key}: others kept writing it; publish again to bring it up to date")

    def quarantine(self, key: str) -> None:
        """Moves an object to where no URL leads, for those who have to look into it."""
        if self._store.copy(key, f"quarantine/{key}"):
            self._store.remove(key)

    def _revision_of(self, key: str) -> tuple[str, int]:
        held = self._store.find(key)
        return (held.mark, int(held.metadata.get("revision", 0))) if held else ("", 0)
