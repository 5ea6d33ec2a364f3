"""Tests the follower, a service that copies token changes from Spanner's change stream to the edge. The follower must
lose no change after failures, and when partitions split or merge.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from registry.cloudflare.api import CloudflareUnavailable
from tests.support.change_stream import Emulated, emulated
from tests.support.enterable_directory import enterable_directory
from tests.support.follower import STREAM, Edge, digest, follower, put, remove
from workers.entitlements import follow
from workers.entitlements.changes import Child, StreamRecords
from workers.entitlements.follower import Follower
from workers.entitlements.positions import Positions
from workers.entitlements.spanner import Spanner, SpannerError, rows_of


@pytest.fixture(scope="module")
def cloud() -> Iterator[Emulated]:
    with enterable_directory() as directory, emulated(directory) as running:
        yield running


@pytest.fixture
def spanner(cloud: Emulated) -> Spanner:
    made = cloud.spanner()
    with cloud.cluster.connect("metadata") as admin:
        admin.execute("DELETE FROM items; DELETE FROM items_changes_positions")
    return made


def test_it_starts_with_all_tokens_and_continues_with_each_change(spanner: Spanner) -> None:
    put(spanner, "before", 1)
    edge = Edge()
    following = follower(spanner, edge)
    following.poll()
    assert edge.versions("before") == [1]
    put(spanner, "after", 1)
    put(spanner, "a package", 1, partition="npm#x")
    following.poll()
    remove(spanner, "after")
    following.poll()
    assert edge.versions("after") == [1, 2]
    assert edge.updates[-1].entitlement is None
    assert edge.versions("a package") == []


def test_partitions_split_and_merge_and_nothing_is_lost_or_out_of_order(cloud: Emulated, spanner: Spanner) -> None:
    edge, names = Edge(), [f"token {number}" for number in range(8)]
    following = follower(spanner, edge)
    following.poll()
    for version in range(1, 7):
        for name in names:
            put(spanner, name, version)
        if version % 2:
            cloud.databases.replace_partitions()
        if version in (2, 3, 6):
            following.poll()
    # If the follower finds in a poll that a partition has ended, it reads the child partitions in the next poll.
    for _ in range(5):
        following.poll()
    for name in names:
        updates = edge.versions(name)
        assert sorted(set(updates)) == [1, 2, 3, 4, 5, 6]
        assert updates == sorted(updates)


def test_a_read_waits_for_pending_commits(cloud: Emulated, spanner: Spanner) -> None:
    """Checks that a read of the emulated change stream waits for transactions that already have a commit time.

    Without the wait, the reader of the change stream would miss a commit whose timestamp is earlier than the position
    up to which it has read.
    """
    edge = Edge()
    following = follower(spanner, edge)
    following.poll()
    reading = threading.Thread(target=following.poll)
    with (
        cloud.cluster.connect("metadata") as observer,
        cloud.cluster.connect("metadata") as writer,
        writer.transaction(),
    ):
        row = (digest("x"), json.dumps({"principal": "a", "grants": [], "expires": 1}))
        writer.execute("INSERT INTO items VALUES ('tokens', %s, %s, 1, '2100-01-01')", row)
        # The database emulates Spanner and sets the commit time of a new row in a deferred trigger. SET CONSTRAINTS
        # runs this trigger at once. The transaction itself commits only after the follower has begun to poll the change
        # stream. The follower must not miss this change.
        writer.execute("SET CONSTRAINTS ALL IMMEDIATE")
        reading.start()
        waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while reading.is_alive() and not observer.execute(waiting).fetchone():
            time.sleep(0.01)
    reading.join()
    following.poll()
    assert edge.versions("x") == [1]


def test_a_merged_partition_waits_for_both_parents() -> None:
    class Scripted:
        """Emulates a change stream in which the partitions `a` and `b` merge into the partition `ab`.

        The partition `a` ends at the first read of `a`, and the partition `b` ends at the third read of `b`.
        """

        def __init__(self) -> None:
            self.reads: list[str] = []

        def partitions(self, at: str) -> Sequence[Child]:
            return [Child(token, frozenset(), "t0") for token in ("a", "b")]

        def read(self, token: str, start: str, end: str) -> StreamRecords:
            self.reads.append(token)
            ended = token == "a" or (token == "b" and self.reads.count("b") == 3)
            return StreamRecords((), [Child("ab", frozenset({"a", "b"}), "t1")] if ended else ())

    class Nothing:
        def query(self, sql: str, *parameters: Any) -> Sequence[Any]:
            return []

        def now(self) -> str:
            return "t9"

        def write(self, *mutations: Any) -> None:
            pass

    stream, database = Scripted(), Nothing()
    following: Any = Follower(database, stream, Positions(database, "p"), Edge(), print)  # pyright: ignore[reportArgumentType]
    for _ in range(4):
        following.poll()
    assert stream.reads == ["a", "b", "b", "b", "ab"]


def test_a_new_process_resumes_where_the_last_one_ended(spanner: Spanner) -> None:
    first, second = Edge(), Edge()
    following = follower(spanner, first)
    following.poll()
    put(spanner, "x", 1)
    following.poll()
    put(spanner, "x", 2)
    # The first follower does not poll again, as if its process had ended. The second must read the last two changes.
    put(spanner, "y", 1)
    follower(spanner, second).poll()
    assert second.versions("x")[-1] == 2 and second.versions("y") == [1]
    assert "before" not in {record.digest for record in second.updates}


def test_while_the_edge_does_not_answer_the_position_stays(spanner: Spanner) -> None:
    edge = Edge()
    following = follower(spanner, edge)
    following.poll()
    edge.works = False
    put(spanner, "x", 1)
    for _ in range(3):
        with pytest.raises(CloudflareUnavailable):
            following.poll()
    put(spanner, "x", 2)
    edge.works = True
    # A new follower reads Spanner's changes from the stored position, as after a restart.
    follower(spanner, edge).poll()
    assert edge.versions("x") == [1, 2]


def test_an_unreadable_change_is_dead_lettered_and_the_others_are_delivered(spanner: Spanner) -> None:
    edge, dead_letters_sent = Edge(), list[Any]()
    following = follower(spanner, edge, dead_letters_sent)
    following.poll()
    put(spanner, "good", 1)
    put(spanner, "bad", 1, document="{")
    put(spanner, "better", 1)
    following.poll()
    assert edge.versions("good") and edge.versions("better") and not edge.versions("bad")
    (dead_letter,) = dead_letters_sent
    assert dead_letter["reason"].startswith("the row lacks document")
    assert dead_letter["commit"] and dead_letter["transaction"] and digest("bad") not in json.dumps(dead_letter)


def test_a_failed_dead_letter_keeps_the_position(spanner: Spanner) -> None:
    edge, dead_letters_sent = Edge(), list[Any]()
    following = follower(spanner, edge)
    following.poll()
    put(spanner, "bad", 1, document="{")

    def fail_to_send(dead_letter: Any) -> None:
        raise SpannerError("no topic, for the test")

    following._send_dead_letter = fail_to_send  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(SpannerError):
        following.poll()
    follower(spanner, edge, dead_letters_sent).poll()
    assert len(dead_letters_sent) == 1


def test_an_unknown_position_restarts_with_all_tokens(spanner: Spanner) -> None:
    put(spanner, "x", 1)
    lost = {"table": f"{STREAM}_positions", "columns": ["partition", "waits_for", "position"]}
    spanner.write({"insertOrUpdate": {**lost, "values": [["gone", "[]", "2020-01-01T00:00:00Z"]]}})
    edge = Edge()
    following = follower(spanner, edge)
    with pytest.raises(SpannerError):
        following.poll()
    following.poll()
    assert edge.versions("x") == [1]


def test_a_reader_cannot_write(cloud: Emulated, spanner: Spanner) -> None:
    reader = cloud.spanner("roles/spanner.databaseReader", "reader")
    assert reader.query("SELECT pk FROM items WHERE pk = $1", ("STRING", "nobody")) == []
    with pytest.raises(SpannerError, match="403"):
        put(reader, "x", 1)
    cloud.spanner("roles/spanner.databaseUser", "follower")


def test_the_loop_backs_off_and_keeps_reporting_liveness() -> None:
    turns, pauses, beats = iter([1, 0, 0, 0, 1]), list[float](), list[int]()

    def turn() -> None:
        if not next(turns):
            raise CloudflareUnavailable("for the test")

    with pytest.raises(StopIteration):
        follow.follow(turn, lambda: beats.append(1), pauses.append)
    assert pauses == [0.5, 0.5, 1.0, 2.0, 0.5]
    assert len(beats) == 5


def test_the_health_check_detects_a_hanging_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    liveness, statuses = follow.Liveness(), list[str]()

    def start(status: str, headers: object) -> None:
        statuses.append(status)

    liveness.application({}, start)
    later = time.monotonic() + follow.STUCK_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    liveness.application({}, start)
    assert [status[:3] for status in statuses] == ["200", "503"]


@pytest.mark.parametrize(
    "answer",
    [
        '[{"metadata":{"rowType":{"fields":[{"name":"a"},{"name":"b"}]}},"values":["1","x"]},{"values":["2",null]}]',
        '{"result":{"metadata":{"rowType":{"fields":[{"name":"a"},{"name":"b"}]}},"values":["1"]}}\n'
        '{"result":{"values":["x","2",null]}}\n',
        '[{"metadata":{"rowType":{"fields":[{},{}]}},"values":["1","x","2"],"chunkedValue":false},{"values":[null]}]',
    ],
)
def test_a_partial_answer_is_assembled(answer: str) -> None:
    assert rows_of(answer) == [["1", "x"], ["2", None]]


def test_a_chunked_value_is_assembled() -> None:
    parts: list[Any] = [
        {"metadata": {"rowType": {"fields": [{}]}}, "values": ["ab"], "chunkedValue": True},
        {"values": ["cd", "e"]},
    ]
    assert rows_of(json.dumps(parts)) == [["abcd"], ["e"]]
