"""The position of the follower, which copies token changes to the edge, in each partition of Spanner's change stream.
The same database stores the positions, so a restarted Cloud Run service continues from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

_READ = "SELECT partition, waits_for, position FROM {table}"
_COLUMNS = ("partition", "waits_for", "position")


class Database(Protocol):
    def query(self, sql: str, *parameters: tuple[str, str | None]) -> Sequence[Sequence[Any]]: ...

    def write(self, *mutations: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class Partition:
    """A partition of Spanner's change stream, and the position up to which the follower has read it. The follower is
    the service that copies token changes to the edge (follower.py).

    The edge has received all changes of the partition until the time `position` (RFC 3339). The follower starts to read
    the partition after all partitions in `waits_for` have ended.
    """

    token: str
    waits_for: frozenset[str]
    position: str


class Positions:
    """Stores, in the table `table`, how far the follower has read each partition of Spanner's change stream
    (infra/metadata/positions.sql).
    """

    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._table = table

    def all(self) -> dict[str, Partition]:
        rows = self._database.query(_READ.format(table=self._table))
        return {token: Partition(token, frozenset(json.loads(waits_for)), at) for token, waits_for, at in rows}

    def save(self, kept: Iterable[Partition], gone: Iterable[str] = ()) -> None:
        """Stores the partitions in `kept` and deletes the partitions named in `gone`, in one commit. A repeated call
        changes nothing.
        """
        rows = [[each.token, json.dumps(sorted(each.waits_for)), each.position] for each in kept]
        keys = [[token] for token in gone]
        mutations = list[Mapping[str, Any]]()
        if rows:
            written = {"table": self._table, "columns": _COLUMNS, "values": rows}
            mutations.append({"insertOrUpdate": written})
        if keys:
            mutations.append({"delete": {"table": self._table, "keySet": {"keys": keys}}})
        if mutations:
            self._database.write(*mutations)
