"""Tests that reads of several threads share one request to the metadata database."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from registry import RegistryError
from registry.metadata import Item, Key, Put, Write
from registry.metadata.grouped_reads import GroupedReads

_LONGEST_WAIT = 10.0


class Database:
    """Emulates a metadata database. The database has every item except those with the name "missing". A read blocks
    until the test sets the event `open`.

    `asked` lists the keys of each read. If the test sets `failure`, each read raises this error.
    """

    def __init__(self) -> None:
        self.open = threading.Event()
        self.reading = threading.Event()
        self.asked: list[set[Key]] = []
        self.written: list[Write] = []
        self.failure: Exception | None = None

    def item(self, partition: str, name: str) -> Item | None:
        raise AssertionError(f"{partition} {name} was read on its own")

    def items_at(self, keys: Collection[Key]) -> Mapping[Key, Item]:
        self.asked.append(set(keys))
        self.reading.set()
        assert self.open.wait(_LONGEST_WAIT)
        if self.failure is not None:
            raise self.failure
        return {key: Item(*key, {}, 1) for key in keys if key[1] != "missing"}

    def items(self, partition: str, *, prefix: str = "", after: str = "") -> Iterator[Item]:
        yield Item(partition, f"{prefix} {after}", {}, 1)

    def transact(self, writes: Sequence[Write]) -> None:
        self.written += writes


def reads_during_a_read(database: Database, pool: ThreadPoolExecutor) -> list[Future[Mapping[Key, Item]]]:
    """Starts a read of the item `first`. Before the database has answered this read, starts three reads of other items,
    which have to wait. Returns the futures of all four reads.
    """
    reads = GroupedReads(database)
    first = pool.submit(reads.items_at, [("p", "first")])
    assert database.reading.wait(_LONGEST_WAIT)
    others = [pool.submit(reads.items_at, [("p", name), ("p", "shared")]) for name in ("a", "b", "missing")]
    deadline = time.monotonic() + _LONGEST_WAIT
    while len(reads._waiting) < len(others):  # pyright: ignore[reportPrivateUsage]
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return [first, *others]


def test_reads_that_begin_during_another_read_share_one_request() -> None:
    database = Database()
    with ThreadPoolExecutor() as pool:
        reads = reads_during_a_read(database, pool)
        database.open.set()
        found = [set(read.result()) for read in reads]
    assert database.asked == [{("p", "first")}, {("p", "a"), ("p", "b"), ("p", "missing"), ("p", "shared")}]
    shared = ("p", "shared")
    assert found == [{("p", "first")}, {("p", "a"), shared}, {("p", "b"), shared}, {shared}]


def test_each_read_of_a_failed_request_fails_and_the_next_read_asks_again() -> None:
    database, failure = Database(), RegistryError("the metadata table answers no reads; try again")
    database.failure = failure
    with ThreadPoolExecutor() as pool:
        reads = reads_during_a_read(database, pool)
        database.open.set()
        assert [read.exception() for read in reads] == [failure] * 4
    database.failure = None
    assert set(GroupedReads(database).items_at([("p", "a")])) == {("p", "a")}


def test_an_item_that_does_not_exist_is_none() -> None:
    database = Database()
    database.open.set()
    reads = GroupedReads(database)
    assert reads.item("p", "a") == Item("p", "a", {}, 1)
    assert reads.item("p", "missing") is None
    with pytest.raises(KeyError):
        reads.items_at([("p", "missing")])["p", "missing"]


def test_queries_and_writes_reach_the_database_unchanged() -> None:
    database = Database()
    reads, put = GroupedReads(database), Put("p", "a", {})
    assert list(reads.items("p", prefix="tag#", after="tag#1")) == [Item("p", "tag# tag#1", {}, 1)]
    reads.transact([put])
    assert database.written == [put]
