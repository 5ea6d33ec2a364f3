"""Tests the behaviour that every object store of the origin must have.

A test module inherits the tests, and provides the `store` fixture: an empty bucket with versioning.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable

import pytest
from botocore.exceptions import ClientError

from registry.catalog.artifact import Blob, Document
from registry.origin import ObjectStore, StoreError

KEYS = ("npm/@acme/web/-/web-1.0.0.tgz", "oci/blobs/sha256:0a", "a b+c/é%2F~!'()*", "quarantine/x")


def blob(key: str, source: bytes) -> Blob:
    return Blob(key, source, "application/octet-stream", hashlib.sha256(source).hexdigest())


def document(key: str = "npm/web/packument.json") -> Document:
    return Document(key, "application/json", None)


def validator_of(store: ObjectStore, key: str) -> str:
    head = store.find(key)
    assert head is not None
    return head.validator


class ObjectStoreContract:
    @pytest.mark.parametrize("key", KEYS)
    def test_an_added_object_is_read_back_with_its_metadata(self, store: ObjectStore, key: str) -> None:
        assert store.find(key) is None
        with pytest.raises((ClientError, StoreError)):
            store.read(key)
        assert store.add(blob(key, b"content"), {"sha256": "abc", "digest": "sha256:1"})
        head = store.find(key)
        assert head is not None
        assert (store.read(key), head.metadata) == (b"content", {"sha256": "abc", "digest": "sha256:1"})

    def test_an_object_is_added_only_once(self, store: ObjectStore) -> None:
        assert store.add(blob("a", b"first"), {})
        assert not store.add(blob("a", b"second"), {})
        assert store.read("a") == b"first"

    def test_one_of_many_simultaneous_writers_adds_an_object(self, store: ObjectStore) -> None:
        bodies = [f"writer {number}".encode() for number in range(8)]
        added = _at_once(lambda body=body: store.add(blob("a", body), {}) for body in bodies)
        assert sorted(added) == [False] * 7 + [True]
        assert store.read("a") == bodies[added.index(True)]

    def test_a_document_is_replaced_only_with_its_present_validator(self, store: ObjectStore) -> None:
        key = document().key
        assert store.replace(document(), b"1", {"revision": "1"}, "")
        first = validator_of(store, key)
        assert not store.replace(document(), b"new", {"revision": "9"}, "")
        assert store.replace(document(), b"2", {"revision": "2"}, first)
        assert not store.replace(document(), b"3", {"revision": "3"}, first)
        head = store.find(key)
        assert head is not None
        assert (store.read(key), head.metadata) == (b"2", {"revision": "2"})

    def test_one_of_many_simultaneous_writers_replaces_a_document(self, store: ObjectStore) -> None:
        store.replace(document(), b"old", {}, "")
        validator = validator_of(store, document().key)
        bodies = [f"writer {number}".encode() for number in range(8)]
        written = _at_once(lambda body=body: store.replace(document(), body, {}, validator) for body in bodies)
        assert sorted(written) == [False] * 7 + [True]
        assert store.read(document().key) == bodies[written.index(True)]

    def test_a_document_that_does_not_exist_is_not_replaced(self, store: ObjectStore) -> None:
        store.replace(document("other"), b"1", {}, "")
        assert not store.replace(document("missing"), b"1", {}, validator_of(store, "other"))
        assert store.find("missing") is None

    def test_an_object_is_removed_only_with_its_present_validator(self, store: ObjectStore) -> None:
        store.replace(document(), b"1", {}, "")
        first = validator_of(store, document().key)
        store.replace(document(), b"2", {}, first)
        assert not store.remove(document().key, first)
        assert store.read(document().key) == b"2"
        assert store.remove(document().key, validator_of(store, document().key))
        assert store.find(document().key) is None

    def test_a_removed_key_can_be_written_again(self, store: ObjectStore) -> None:
        store.replace(document(), b"1", {}, "")
        assert store.remove(document().key)
        assert store.replace(document(), b"2", {}, "")
        assert store.read(document().key) == b"2"

    @pytest.mark.parametrize("key", KEYS)
    def test_a_copy_keeps_content_and_metadata(self, store: ObjectStore, key: str) -> None:
        store.add(blob(key, b"content"), {"sha256": "abc"})
        assert store.copy(key, f"copy/{key}")
        head = store.find(f"copy/{key}")
        assert head is not None
        assert (store.read(f"copy/{key}"), head.metadata) == (b"content", {"sha256": "abc"})

    def test_a_missing_object_is_not_copied(self, store: ObjectStore) -> None:
        assert not store.copy("missing", "elsewhere")
        assert store.find("elsewhere") is None


def _at_once(calls: Iterable[Callable[[], bool]]) -> list[bool]:
    """Makes all calls at the same time. Returns the results in the order of `calls`."""
    made = list(calls)
    results: list[bool | None] = [None] * len(made)
    barrier = threading.Barrier(len(made))

    def run(number: int) -> None:
        barrier.wait()
        results[number] = made[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(made))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in results, "a call failed"
    return [result is True for result in results]
