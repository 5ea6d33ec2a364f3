"""Tests that the class ChangeStream reads changes of tokens from Google's own Spanner emulator, and from the emulation
in this repository.

Google's emulator cannot be installed from a package registry. On a machine without the emulator, these tests are
skipped, and only the tests in tests/unit cover change streams.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.support.change_stream import DDL, Emulated, emulated
from tests.support.enterable_directory import enterable_directory
from tests.support.follower import STREAM, Edge, digest, follower, put, remove
from tests.support.spanner import Spanner as Google
from tests.support.spanner import spanner
from workers.entitlements.changes import ChangeStream
from workers.entitlements.positions import Positions
from workers.entitlements.spanner import Spanner, SpannerInvalidRequest

__all__ = ["spanner"]

# The number of seconds that a test waits for a new partition. Google's emulator checks every 20 s for partitions that
# are older than 20 s, and replaces these partitions.
_REPLACED_WITHIN = 120.0


@pytest.fixture
def google(spanner: Google) -> Spanner:
    path = spanner.database(f"changes-{time.monotonic_ns() % 10**9}", DDL)
    return Spanner(path, lambda: "nobody asks", str(spanner.api.base_url))


@pytest.fixture
def emulated_spanner() -> Iterator[Emulated]:
    with enterable_directory() as directory, emulated(directory) as running:
        yield running


def form(value: Any) -> Any:
    """Returns a copy of a change record in which each value is replaced by the name of its type, such as `str`."""
    if isinstance(value, dict):
        return {name: form(part) for name, part in sorted(cast(dict[str, Any], value).items())}
    if isinstance(value, list):
        return [form(part) for part in cast(list[Any], value)]
    return type(value).__name__


def records(database: Spanner) -> list[Any]:
    """Writes, updates and deletes a database row. Returns what the change stream reports: a partition record, and the
    change records of these three operations.
    """
    start = database.now()
    put(database, "x", 1)
    newer = {"table": "items", "columns": ["pk", "sk", "version"], "values": [["tokens", digest("x"), "2"]]}
    # The update changes only the column `version`. The change records of Google's Spanner emulator also contain the old
    # values of the unchanged columns. Those of this repository's emulation do not.
    database.write({"update": newer})
    remove(database, "x")
    end = database.now()

    def read(token: str | None, start: str, end: str) -> list[Any]:
        asked = ("TIMESTAMP", start), ("TIMESTAMP", end), ("STRING", token), ("INT64", "1000")
        rows = database.query(f"SELECT * FROM spanner.read_json_{STREAM}($1, $2, $3, $4, null)", *asked)  # noqa: S608
        return [json.loads(row[0]) for row in rows]

    partitions = read(None, start, start)
    tokens = [child["token"] for each in partitions for child in each["child_partitions_record"]["child_partitions"]]
    found = [record for token in tokens for record in read(token, start, end)]
    return [partitions[0], *(each for each in found if "data_change_record" in each)]


def test_records_have_the_same_form(google: Spanner, emulated_spanner: Emulated) -> None:
    theirs, ours = records(google), records(emulated_spanner.spanner())
    for record in (*theirs, *ours):  # the two emulators may list the columns in different orders
        for column in record.get("data_change_record", {}).get("column_types", ()):
            column.pop("ordinal_position")
    for their, our in zip(theirs, ours, strict=True):
        columns = [
            sorted(json.dumps(column, sort_keys=True) for column in each["data_change_record"].pop("column_types"))
            for each in (their, our)
            if "data_change_record" in each
        ]
        assert form(our) == form(their)
        assert not columns or columns[0] == columns[1]
        for name in ("mod_type", "value_capture_type", "table_name"):
            assert our.get("data_change_record", {}).get(name) == their.get("data_change_record", {}).get(name)


def test_both_refuse_an_unknown_partition_or_an_old_position(google: Spanner, emulated_spanner: Emulated) -> None:
    for database in (google, emulated_spanner.spanner()):
        stream, now = ChangeStream(database, STREAM), database.now()
        (partition, *_) = stream.partitions(now)
        with pytest.raises(SpannerInvalidRequest):
            stream.read("nonsense", now, now)
        with pytest.raises(SpannerInvalidRequest):
            stream.read(partition.token, "2020-01-01T00:00:00Z", now)


def test_the_follower_reads_all_of_google_s_partitions(google: Spanner) -> None:
    edge = Edge()
    following = follower(google, edge)
    following.poll()
    positions = Positions(google, f"{STREAM}_positions")
    first, version, seen = set(positions.all()), 0, set[str]()
    deadline = time.monotonic() + _REPLACED_WITHIN
    while not seen or seen & first:
        assert time.monotonic() < deadline, "the emulator did not replace its partitions"
        version += 1
        put(google, "x", version)
        following.poll()
        seen = set(positions.all())
        time.sleep(0.5)
    following.poll()
    # A follower is the program that reads the change stream. The second follower knows only the stream positions that
    # the first one stored, and continues there. A follower process that starts again after a crash does the same.
    following = follower(google, edge)
    put(google, "x", version + 1)
    following.poll()
    following.poll()
    assert sorted(set(edge.versions("x"))) == list(range(1, version + 2))
    assert edge.versions("x") == sorted(edge.versions("x"))
