"""Writes to the origin bucket. Immutable objects are never overwritten, and no write replaces a document by an earlier
revision.

This module has the rules that are the same on all clouds. `s3.py` and `gcs.py` make the conditional writes to the
object store of one cloud.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from contract.predictions import NEXT
from registry import RegistryError
from registry.catalog.artifact import Blob, Document

_TRIES = 20


class StoreError(RegistryError):
    """Raised when an object store refuses a request or does not answer."""


@dataclass(frozen=True)
class ObjectHead:
    """The metadata of an existing object, and its `validator`, which changes with each write of the object. The
    validator is the ETag on S3, and the generation number on Cloud Storage.
    """

    validator: str
    metadata: Mapping[str, str]


class ObjectStore(Protocol):
    """A bucket with conditional writes. Methods raise botocore's errors (S3) or StoreError (Cloud Storage) if the cloud
    refuses a request or does not answer.

    The parameter `validator` is an ETag or a generation. With a validator, an operation happens only if the object
    still has this ETag or generation.
    """

    def find(self, key: str) -> ObjectHead | None: ...

    def read(self, key: str) -> bytes: ...

    def add(self, blob: Blob, metadata: Mapping[str, str]) -> bool:
        """Writes an immutable object to the origin bucket. Returns False when an object with the key exists.

        When two processes write the same key at once, the store accepts one write, and the call of the other process
        returns False.
        """
        ...

    def replace(self, document: Document, body: bytes, metadata: Mapping[str, str], validator: str) -> bool:
        """Writes a document if the stored object still has the given `validator` (an ETag or a generation number). An
        empty `validator` means that the key must not exist yet.

        Returns False when the object has another validator, or exists already.
        """
        ...

    def remove(self, key: str, validator: str = "") -> bool:
        """Deletes the current version of an object. The bucket keeps the object's noncurrent versions. Does nothing and
        returns False if `validator` (an ETag or a generation number) is given and the object has a different one.
        """
        ...

    def copy(self, key: str, to: str) -> bool:
        """Copies the object `key` with its metadata to the key `to`. Returns False when the object `key` does not
        exist.
        """
        ...


class Origin:
    """The primary bucket of a stack's origin. The cloud replicates objects from this bucket to the stack's other
    buckets.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def create(self, blob: Blob) -> None:
        """Writes an immutable object unless it exists. Raises RegistryError if an object with the same key has
        different content.
        """
        metadata = {"sha256": blob.sha256} | ({"digest": blob.digest} if blob.digest else {})
        if not self._store.add(blob, metadata):
            self._expect_same(blob)

    def holds(self, key: str, digest: str) -> bool:
        """Returns whether an object with this key and this digest exists. A digest has the form `<algorithm>:<hex>`."""
        head = self._store.find(key)
        algorithm, _, encoded = digest.partition(":")
        return head is not None and (head.metadata.get("digest") == digest or head.metadata.get(algorithm) == encoded)

    def _expect_same(self, blob: Blob) -> None:
        head = self._store.find(blob.key)
        there = head.metadata.get("sha256", "unknown") if head else "unknown"
        if there != blob.sha256:
            raise RegistryError(
                f"{blob.key}: exists with other bytes (SHA-256 {there}, not {blob.sha256}), and published objects "
                "never change; publish a new version"
            )

    def read(self, key: str) -> bytes:
        return self._store.read(key)

    def render(self, document: Document, revision: int, published: str, *, new: bool = False) -> bool:
        """Writes a document to its object. `revision` is a number that grows with each change of the document. If the
        document has no body, removes the object. Does nothing if the stored object already has this revision or a later
        one. Returns whether the stored object was changed.

        With `new`, the caller expects that the object does not exist. The first attempt then writes without a read.

        Two publishers may write the same document at once. A write therefore succeeds only if the object still has the
        revision that the method has read. If another publisher has changed the object, the method reads the revision
        again and repeats its attempt. In the end, the object has the later revision, which includes all earlier
        changes. Raises RegistryError when every attempt collides with another writer.
        """
        metadata = {"revision": str(revision), "published": published}
        metadata |= {"digest": document.digest} if document.digest else {}
        metadata |= {NEXT: document.following} if document.following else {}
        looks = document.body is None or not new
        for _ in range(_TRIES):
            validator, there = self._revision_of(document.key) if looks else ("", 0)
            looks = True
            if there >= revision or (document.body is None and not validator):
                return False
            if document.body is None:
                done = self._store.remove(document.key, validator)
            else:
                done = self._store.replace(document, document.body, metadata, validator)
            if done:
                return True
        raise RegistryError(f"{document.key}: other publishers kept writing this document; publish again to update it")

    def quarantine(self, key: str) -> None:
        """Moves an object to a key under `quarantine/`. No URL reaches such a key, and operators can still investigate
        the object.
        """
        if self._store.copy(key, f"quarantine/{key}"):
            self._store.remove(key)

    def _revision_of(self, key: str) -> tuple[str, int]:
        head = self._store.find(key)
        return (head.validator, int(head.metadata.get("revision", 0))) if head else ("", 0)
