"""Reads the changes of token records from a change stream of Spanner's PostgreSQL dialect.

A change stream has partitions. When Spanner splits or merges partitions, child partitions take the place of the parent
partitions. The changes of a child come after the changes of all its parents (Spanner, "Change stream partitions,
records, and queries"). Each query in this module has an end time in the past. Spanner therefore returns immediately.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from contract.entitlements import deleted
from contract.tokens import Record, decode_row

# The interval in milliseconds between two heartbeats. Spanner requires this value in each query of a change stream.
# Here, the value has no effect, because the service's queries return before the first heartbeat.
_HEARTBEAT_MS = "10000"


class Database(Protocol):
    def query(self, sql: str, *parameters: tuple[str, str | None]) -> Sequence[Sequence[Any]]: ...


@dataclass(frozen=True)
class Change:
    """One change of a row of the database, and the position of the change in the change stream."""

    commit: str  # the time of the commit (RFC 3339)
    transaction: str
    sequence: str
    kind: str  # how the row was written: INSERT, UPDATE or DELETE
    table: str
    keys: Mapping[str, Any]
    new: Mapping[str, Any]
    old: Mapping[str, Any]


@dataclass(frozen=True)
class Child:
    """A partition of the change stream. `start` is the earliest time of a change in the partition. The partition begins
    after all partitions in `parents` have ended.
    """

    token: str
    parents: frozenset[str]
    start: str


@dataclass(frozen=True)
class StreamRecords:
    """The answer to a query of one change stream partition: the partition's changes, and the child partitions that
    replace the partition. A partition that has not ended has no children.
    """

    changes: Sequence[Change]
    children: Sequence[Child]


class ChangeStream:
    """Reads a change stream of a Spanner database. `name` is the stream's name in the database's schema."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._sql = f"SELECT * FROM spanner.read_json_{name}($1, $2, $3, $4, null)"  # noqa: S608  no user sets the name

    def partitions(self, at: str) -> Sequence[Child]:
        """Returns the partitions of the change stream that exist at the given time (RFC 3339)."""
        return self._query(None, at, at).children

    def read(self, token: str, start: str, end: str) -> StreamRecords:
        """Returns the changes and child partitions of a change stream partition in a period. The period includes its
        first moment `start` and its last moment `end` (RFC 3339).
        """
        return self._query(token, start, end)

    def _query(self, token: str | None, start: str, end: str) -> StreamRecords:
        rows = self._database.query(
            self._sql, ("TIMESTAMP", start), ("TIMESTAMP", end), ("STRING", token), ("INT64", _HEARTBEAT_MS)
        )
        records = [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in rows]
        changes = [change for record in records for change in _changes(record.get("data_change_record"))]
        children = [child for record in records for child in _children(record.get("child_partitions_record"))]
        return StreamRecords(changes, children)


def _changes(record: Mapping[str, Any] | None) -> Iterator[Change]:
    if record is None:
        return
    for mod in record["mods"]:
        yield Change(
            commit=record["commit_timestamp"],
            transaction=record["server_transaction_id"],
            sequence=record["record_sequence"],
            kind=record["mod_type"],
            table=record["table_name"],
            keys=_object(mod.get("keys")),
            new=_object(mod.get("new_values")),
            old=_object(mod.get("old_values")),
        )


def _children(record: Mapping[str, Any] | None) -> Iterator[Child]:
    if record is None:
        return
    # Spanner's queries accept a time in UTC only with a `Z` at the end
    start = str(record["start_timestamp"]).replace("+00:00", "Z")
    for child in record["child_partitions"]:
        yield Child(child["token"], frozenset(child["parent_partition_tokens"]), start)


def _object(value: Any) -> Mapping[str, Any]:
    """Returns the JSON object `value`, or the JSON object in the string `value`. Returns an empty object for None."""
    return json.loads(value) if isinstance(value, str) else (value or {})


def record_of(change: Change) -> Record:
    """Returns the token record in a changed database row. A deleted row results in a record of a revoked token.

    Raises MalformedRecord if the row holds no valid token record.
    """
    gone = change.kind == "DELETE"
    values = change.old if gone else change.new
    found = decode_row(change.keys.get("sk"), values.get("document"), values.get("version"), values.get("expires"))
    return deleted(found) if gone else found
