"""Tests the behaviour that every metadata repository must have.

A test module inherits the tests and provides the `database` fixture.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from registry import RegistryError
from registry.metadata import MOST_ITEM_BYTES, MOST_WRITES, Absent, Busy, Conflict, Delete, Put, Repository, Unchanged
from tests.support.metadata import Clock, names, version_of


class MetadataContract:
    # The number of writers in the test of concurrent writers.
    WRITERS = 6

    def test_what_is_put_is_read_back(self, repository: Repository) -> None:
        document: dict[str, Any] = {
            "text": "é \0 😀 '\"\\ \ud800",
            "number": 1.5,
            "big": 2**70,
            "none": None,
            "list": [{"a": []}, True],
            "": {},
        }
        repository.transact([Put("npm#@acme/web", "version#1.0.0", document, expires=1_900_000_000)])
        item = repository.item("npm#@acme/web", "version#1.0.0")
        assert item is not None
        assert (item.partition, item.name, item.expires) == ("npm#@acme/web", "version#1.0.0", 1_900_000_000)
        assert item.document == document
        assert list(repository.items("npm#@acme/web")) == [item]
        assert repository.item("npm#@acme/web", "version#1.0.1") is None
        assert repository.item("npm#@acme", "version#1.0.0") is None
        assert list(repository.items("npm#@acme/we")) == []

    def test_a_put_replaces_the_whole_document_and_its_expiry(self, repository: Repository) -> None:
        repository.transact([Put("p", "a", {"old": 1, "both": 1}, expires=1_900_000_000)])
        repository.transact([Put("p", "a", {"both": 2})])
        item = repository.item("p", "a")
        assert item is not None
        assert (item.document, item.expires) == ({"both": 2}, None)

    def test_items_are_in_the_order_of_the_bytes_of_their_names(self, repository: Repository) -> None:
        written = [
            "b",
            "a",
            "B",
            "é",
            "z",
            "\uffff",
            "😀",
            "a#1",
            "a#10",
            "a#2",
            "a b",
            "a'b",
            "%",
            "_",
            "a\tb",
            "日本",
        ]
        repository.transact([Put("p", name, {}) for name in written])
        repository.transact([Put("q", "other", {})])
        assert names(repository, "p") == sorted(written, key=str.encode)

    def test_items_can_be_asked_for_by_prefix_and_from_a_name_on(self, repository: Repository) -> None:
        repository.transact([Put("p", name, {}) for name in ["a", "tag#1", "tag#2", "tag#3", "tag$", "taz", "%ag"]])
        assert names(repository, "p", prefix="tag#") == ["tag#1", "tag#2", "tag#3"]
        assert names(repository, "p", prefix="tag#", after="tag#1") == ["tag#2", "tag#3"]
        assert names(repository, "p", after="tag#3") == ["tag$", "taz"]
        assert names(repository, "p", prefix="tag#", after="a") == ["tag#1", "tag#2", "tag#3"]
        assert names(repository, "p", prefix="tag#", after="tag$") == []
        assert names(repository, "p", prefix="none") == []

    def test_items_of_several_partitions_are_read_at_once(self, database: tuple[Repository, Clock]) -> None:
        repository, clock = database
        repository.transact([Put("p", "a", {"n": 1}), Put("p", "b", {"n": 2}), Put("q", "a", {"é": 3})])
        repository.transact([Put("q", "gone", {}, expires=int(clock.now) + 1)])
        clock.now += 1
        keys = [("q", "a"), ("p", "a"), ("p", "missing"), ("none", "a"), ("q", "gone"), ("p", "a")]
        found = repository.items_at(keys)
        assert found == {("p", "a"): repository.item("p", "a"), ("q", "a"): repository.item("q", "a")}
        assert repository.items_at([]) == {}

    def test_more_items_than_one_request_takes_are_read(self, repository: Repository) -> None:
        keys = [("p" if number % 2 else "q", f"{number}") for number in range(250)]
        for start in range(0, len(keys), MOST_WRITES // 4):
            some = keys[start : start + MOST_WRITES // 4]
            repository.transact([Put(partition, name, {"body": "x" * 2000}) for partition, name in some])
        found = repository.items_at(keys)
        assert set(found) == set(keys)
        assert {len(item.document["body"]) for item in found.values()} == {2000}

    def test_many_and_big_items_are_read_completely_in_spite_of_pages(self, repository: Repository) -> None:
        written = [f"{number:04}" for number in range(1200)]
        for start in range(0, len(written), MOST_WRITES):
            repository.transact([Put("p", name, {"body": "x" * 2000}) for name in written[start : start + MOST_WRITES]])
        assert names(repository, "p") == written
        assert names(repository, "p", after="1000") == written[1001:]

    @pytest.mark.parametrize("refused", [Put("p", "there", {"n": 2}, Absent()), Delete("p", "there", Absent())])
    def test_absent_refuses_what_is_there(self, repository: Repository, refused: Put | Delete) -> None:
        repository.transact([Put("p", "there", {"n": 1}, Absent())])
        with pytest.raises(Conflict) as conflict:
            repository.transact([Put("p", "new", {}), refused])
        assert (conflict.value.partition, conflict.value.name) == ("p", "there")
        assert [(item.name, item.document) for item in repository.items("p")] == [("there", {"n": 1})]

    def test_unchanged_refuses_what_others_wrote_or_deleted(self, repository: Repository) -> None:
        repository.transact([Put("p", "a", {"n": 1})])
        seen = Unchanged(version_of(repository, "p", "a"))
        repository.transact([Put("p", "a", {"n": 2}, seen)])
        with pytest.raises(Conflict):
            repository.transact([Put("p", "a", {"n": 3}, seen)])
        with pytest.raises(Conflict):
            repository.transact([Delete("p", "a", seen)])
        current = Unchanged(version_of(repository, "p", "a"))
        repository.transact([Delete("p", "a", current)])
        assert repository.item("p", "a") is None
        with pytest.raises(Conflict):
            repository.transact([Put("p", "a", {}, current)])

    def test_deleting_what_is_not_there_is_no_error(self, repository: Repository) -> None:
        repository.transact([Delete("p", "a"), Delete("p", "b", Absent())])
        assert names(repository, "p") == []

    def test_versions_count_up_also_across_a_deletion(self, database: tuple[Repository, Clock]) -> None:
        repository, clock = database
        seen: list[int] = []
        for _ in range(3):
            repository.transact([Put("p", "a", {"same": True})])
            seen.append(version_of(repository, "p", "a"))
        repository.transact([Delete("p", "a")])
        clock.now += 0.001
        repository.transact([Put("p", "a", {"same": True})])
        seen.append(version_of(repository, "p", "a"))
        assert seen == sorted(set(seen))
        assert seen[1] - seen[0] == seen[2] - seen[1] == 1

    def test_each_put_counts_the_version_up_whatever_its_condition(self, repository: Repository) -> None:
        repository.transact([Put("p", "a", {"n": 1}, Absent(), expires=1_900_000_000)])
        first = version_of(repository, "p", "a")
        repository.transact([Put("p", "a", {"n": 2}, Unchanged(first), expires=1_950_000_000)])
        item = repository.item("p", "a")
        assert item is not None
        assert (item.version, item.document, item.expires) == (first + 1, {"n": 2}, 1_950_000_000)
        repository.transact([Put("p", "a", {"n": 3})])
        repository.transact([Put("p", "a", {"n": 4}, Unchanged(first + 2))])
        item = repository.item("p", "a")
        assert item is not None
        assert (item.version, item.document, item.expires) == (first + 3, {"n": 4}, None)

    def test_what_has_expired_is_gone_from_that_second_on(self, database: tuple[Repository, Clock]) -> None:
        repository, clock = database
        until = int(clock.now) + 60
        repository.transact([Put("p", "a", {"n": 1}, expires=until), Put("p", "b", {})])
        seen = version_of(repository, "p", "a")
        clock.now = until - 1
        assert names(repository, "p") == ["a", "b"]
        with pytest.raises(Conflict):
            repository.transact([Put("p", "a", {}, Absent())])
        clock.now = until
        assert repository.item("p", "a") is None
        assert names(repository, "p") == ["b"]
        with pytest.raises(Conflict):
            repository.transact([Put("p", "a", {}, Unchanged(seen))])
        repository.transact([Put("p", "a", {"n": 2}, Absent())])
        assert version_of(repository, "p", "a") > seen

    def test_what_is_too_big_is_refused_alike(self, repository: Repository) -> None:
        most = MOST_ITEM_BYTES - 200
        repository.transact([Put("p", "big", {"body": "x" * most})])
        assert len(repository.item("p", "big").document["body"]) == most  # pyright: ignore[reportOptionalMemberAccess]
        with pytest.raises(
            RegistryError, match=r"p bigger: the metadata has \d+ bytes, and an item takes at most 400000"
        ):
            repository.transact([Put("p", "bigger", {"body": "x" * MOST_ITEM_BYTES})])
        with pytest.raises(RegistryError, match=r"p bigger: the metadata has \d+ bytes"):
            repository.transact([Put("p", "bigger", {"body": "é" * (MOST_ITEM_BYTES // 2)})])
        many = [Put("p", f"{number}", {"body": "x" * most}) for number in range(11)]
        with pytest.raises(RegistryError, match=r"p: the change writes \d+ bytes of metadata"):
            repository.transact(many)
        repository.transact(many[:10])
        assert len(names(repository, "p")) == 11

    def test_too_many_writes_are_refused_alike(self, repository: Repository) -> None:
        repository.transact([])
        repository.transact([Put("p", f"{number}", {}) for number in range(MOST_WRITES)])
        with pytest.raises(RegistryError, match="writes 101 metadata items, and a transaction takes at most 100"):
            repository.transact([Put("q", f"{number}", {}) for number in range(MOST_WRITES + 1)])
        assert names(repository, "q") == []
        with pytest.raises(ValueError, match="only once"):
            repository.transact([Put("p", "a", {}), Delete("p", "a")])

    @pytest.mark.parametrize("key", ["", "a\0b", "\ud800", "x" * 1025])
    def test_keys_that_one_of_the_databases_lacks_are_refused_by_both(self, repository: Repository, key: str) -> None:
        with pytest.raises(RegistryError, match="a metadata key must have 1 to 1024 bytes of UTF-8 without NUL"):
            repository.transact([Put("p", key, {})])

    def test_of_writers_at_once_one_wins(self, repository: Repository) -> None:
        """Checks that one of ten concurrent writers creates an item. The other nine writers must get a Conflict."""
        won, lost = list[int](), list[int]()

        def create(number: int) -> None:
            try:
                repository.transact([Put("p", "a", {"by": number}, Absent()), Put("p", f"mine#{number}", {})])
                won.append(number)
            except Conflict:
                lost.append(number)

        together(create, 10)
        assert (len(won), len(lost)) == (1, 9)
        assert repository.item("p", "a").document == {"by": won[0]}  # pyright: ignore[reportOptionalMemberAccess]
        assert names(repository, "p", prefix="mine#") == [f"mine#{won[0]}"]

    def test_no_write_of_many_writers_is_lost(self, repository: Repository) -> None:
        """Checks that no update is lost when several writers increment the same two numbers at the same time. Each
        writer increments both numbers in one transaction.

        A write fails if another writer has changed one of the items after the first writer read it.
        """
        repository.transact([Put("p", "a", {"n": 0}), Put("q", "b", {"n": 0}), Put("q", "count", {})])
        before = version_of(repository, "q", "count")

        def add(number: int) -> None:
            for _ in range(5):
                while True:
                    first, second = repository.item("p", "a"), repository.item("q", "b")
                    assert first is not None
                    assert second is not None
                    more = {"n": first.document["n"] + 1}
                    try:
                        repository.transact(
                            [
                                Put("p", "a", more, Unchanged(first.version)),
                                Put("q", "b", more, Unchanged(second.version)),
                                Put("q", "count", {}),
                            ]
                        )
                        break
                    except (Conflict, Busy):
                        continue

        together(add, self.WRITERS)
        read = [repository.item("p", "a"), repository.item("q", "b")]
        assert [item.document for item in read if item] == [{"n": 5 * self.WRITERS}] * 2
        assert version_of(repository, "q", "count") - before == 5 * self.WRITERS


def together(act: Callable[[int], None], threads: int) -> None:
    failed, gate = list[BaseException](), threading.Barrier(threads)

    def run(number: int) -> None:
        gate.wait()
        try:
            act(number)
        except BaseException as error:
            failed.append(error)

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert failed == []
