"""Tests the metadata repository against a dictionary. The same operations must give the same results on both."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from registry.metadata import Absent, Condition, Conflict, Delete, Item, Put, Repository, Unchanged
from tests.support.metadata import Clock, database, postgres, version_of

__all__ = ["database", "postgres"]

KEYS = st.sampled_from(["a", "a#1", "b", "é", "😀"])
TEXT = st.text(st.characters(), max_size=20)
DOCUMENTS = st.dictionaries(
    TEXT, st.recursive(st.none() | st.booleans() | st.integers() | TEXT, st.lists, max_leaves=4)
)


class Model(RuleBasedStateMachine):
    """Applies the same operations to the metadata repository and to a dictionary, and compares the results."""

    repository: Repository
    clock: Clock
    runs: Iterator[int]

    @initialize()
    def empty(self) -> None:
        number = next(self.runs)
        self.partitions = (f"p{number}", f"q{number}")
        self.known: dict[tuple[str, str], Item] = {}

    def seen(self, key: tuple[str, str]) -> Item | None:
        item = self.known.get(key)
        return item if item and (item.expires is None or item.expires > self.clock.now) else None

    @rule(data=st.data(), keys=st.lists(st.tuples(st.booleans(), KEYS), unique=True, min_size=1, max_size=4))
    def transact(self, data: st.DataObject, keys: list[tuple[bool, str]]) -> None:
        writes: list[Put | Delete] = []
        for second, name in keys:
            key = (self.partitions[second], name)
            there = self.known.get(key)
            conditions: list[Condition | None] = [None, Absent(), Unchanged(1)]
            conditions += [Unchanged(there.version), Unchanged(there.version + 1)] if there else []
            chosen = data.draw(st.sampled_from(conditions))
            condition: dict[str, Any] = {"condition": chosen} if chosen else {}
            expires = data.draw(st.none() | st.integers(1, 100).map(lambda more: int(self.clock.now) + more))
            document = data.draw(DOCUMENTS)
            writes.append(
                data.draw(
                    st.sampled_from([Put(*key, document, expires=expires, **condition), Delete(*key, **condition)])
                )
            )
        refused = [write for write in writes if not self.holds(write)]
        try:
            self.repository.transact(writes)
            assert refused == []
        except Conflict as conflict:
            assert (conflict.partition, conflict.name) in [(write.partition, write.name) for write in refused]
            return
        for write in writes:
            self.note(write)

    def holds(self, write: Put | Delete) -> bool:
        there = self.seen((write.partition, write.name))
        if isinstance(write.condition, Absent):
            return there is None
        return not isinstance(write.condition, Unchanged) or (
            there is not None and there.version == write.condition.version
        )

    def note(self, write: Put | Delete) -> None:
        key = (write.partition, write.name)
        if isinstance(write, Delete):
            self.known.pop(key, None)
            return
        version = version_of(self.repository, *key)
        before = self.known.get(key)
        if before is not None and isinstance(write.condition, Absent):
            # The old item (`before`) has expired, so the write has created a new item with the same key. The version of
            # a new item is the current time in microseconds, so it can be greater than `before.version + 1`.
            assert version > before.version
        else:
            assert before is None or version == before.version + 1
        self.known[key] = Item(*key, write.document, version, write.expires)

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @invariant()
    def is_the_same(self) -> None:
        for partition in self.partitions:
            kept = sorted(self.known, key=lambda key: key[1].encode())
            there = [item for key in kept if key[0] == partition and (item := self.seen(key))]
            assert list(self.repository.items(partition)) == there
            assert [self.repository.item(partition, item.name) for item in there] == there


def test_the_repository_behaves_like_a_dictionary(database: tuple[Repository, Clock]) -> None:
    class Modelled(Model):
        repository, clock = database
        runs = itertools.count()

    run_state_machine_as_test(
        Modelled,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            # Hypothesis does not look for a shorter version of a failing example, because the search would query the
            # databases for minutes.
            phases=[Phase.reuse, Phase.generate],
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
