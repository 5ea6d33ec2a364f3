"""The metadata repository in a Spanner database with the PostgreSQL dialect. The client connects through PGAdapter. In
a sandbox, a PostgreSQL server takes the place of Spanner and PGAdapter.

PostgreSQL's environment variables set the server's address (PGHOST, PGPORT, PGUSER…; docs/metadata.md).
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool

from registry import RegistryError
from registry.metadata import Absent, Busy, Conflict, Delete, Item, Key, Unchanged, Write, checked

# The SQL statements with which the registry reads and writes metadata. They use only SQL that both Spanner and
# PostgreSQL support, as tests/unit/registry/metadata/test_sql.py checks.
READ = "SELECT sk, document, version, expires FROM items WHERE pk = %s AND sk = %s"
READ_NAMED = "SELECT sk, document, version, expires FROM items WHERE pk = %s AND sk = ANY(%b)"
READ_PAGE = "SELECT sk, document, version, expires FROM items WHERE pk = %s AND sk >= %s ORDER BY sk LIMIT %s"
VERSIONS = "SELECT sk, version, expires FROM items WHERE pk = %s AND sk = ANY(%b)"
INSERT = "INSERT INTO items (pk, sk, document, version, expires) VALUES (%s, %s, %s, %s, %s)"
UPDATE = "UPDATE items SET document = %s, version = %s, expires = %s WHERE pk = %s AND sk = %s"
DELETE = "DELETE FROM items WHERE pk = %s AND sk = %s"

_PAGE = 500
_TRIES = 10
_LONGEST_PAUSE = 1.0  # the longest pause in seconds between two attempts of a transaction
_CONNECT_SECONDS = 10  # the number of seconds after which an attempt to connect to the server fails
_MOST_CONNECTIONS = 16

# Errors after which a transaction is retried. If Spanner aborts a transaction because of a concurrent transaction,
# PGAdapter reports the error code that PostgreSQL uses in this case.
_RETRIED_ERRORS = (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)

_Connection = psycopg.Connection[tuple[Any, ...]]


class SpannerRepository:
    """Stores metadata in Spanner. `database` is the database's name in PGAdapter; PGDATABASE overrides it.

    `clock` returns the time in seconds since 1970 (UTC). Raises RegistryError if no server answers.
    """

    def __init__(self, database: str, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        name = os.environ.get("PGDATABASE", database)
        # The connection pool does not report why a connection to the database fails. The constructor therefore opens
        # one connection outside of the pool first.
        with _readable_errors():
            psycopg.connect(dbname=name, connect_timeout=_CONNECT_SECONDS).close()
        self._pool = ConnectionPool(
            kwargs={"dbname": name, "autocommit": True},
            configure=_serializable,
            min_size=0,
            max_size=_MOST_CONNECTIONS,
            timeout=_CONNECT_SECONDS,
            open=True,
        )

    def item(self, partition: str, name: str) -> Item | None:
        with self._connection() as connection:
            found = connection.execute(READ, (partition, name)).fetchone()
        return self._live(partition, [found]).get(name) if found else None

    def items_at(self, keys: Collection[Key]) -> Mapping[Key, Item]:
        names = _by_partition(keys)
        if not names:
            return {}
        with self._connection() as connection, connection.cursor() as cursor:
            # psycopg sends the SQL statements for all partitions at once (pipeline mode), and waits only once for all
            # results.
            cursor.executemany(READ_NAMED, list(names.items()), returning=True)
            found: dict[Key, Item] = {}
            for partition in names:
                items = self._live(partition, cursor.fetchall())
                found |= {(partition, name): item for name, item in items.items()}
                cursor.nextset()
        return found

    def items(self, partition: str, *, prefix: str = "", after: str = "") -> Iterator[Item]:
        start, seen = max(prefix, after, key=str.encode), after
        while True:
            with self._connection() as connection:
                rows = connection.execute(READ_PAGE, (partition, start, _PAGE)).fetchall()
            for name, item in self._live(partition, rows).items():
                if not name.startswith(prefix):
                    return
                if name != seen:
                    yield item
            if len(rows) < _PAGE:
                return
            start = seen = rows[-1][0]

    def transact(self, writes: Sequence[Write]) -> None:
        sized = checked(writes)
        if not sized:
            return
        for attempt in range(_TRIES):
            try:
                with self._connection() as connection, connection.transaction():
                    self._write(connection, sized)
                return
            except _RETRIED_ERRORS:
                pass
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.02 * 2**attempt)))  # noqa: S311 (spreads load, hides nothing)
        raise Busy(f"{writes[0].partition}: other processes kept writing the same metadata; try again")

    def close(self) -> None:
        self._pool.close()

    def _write(self, connection: _Connection, writes: Sequence[tuple[Write, str]]) -> None:
        there = self._versions(connection, [write for write, _ in writes])
        inserts, updates, deletes = list[Any](), list[Any](), list[Any]()
        for write, text in writes:
            key = (write.partition, write.name)
            version, is_live = there.get(key, (None, False))
            seen = version if is_live else None
            if not _is_met(write, seen):
                raise Conflict(*key)
            if isinstance(write, Delete):
                deletes.append(key)
                continue
            expires = None if write.expires is None else datetime.fromtimestamp(write.expires, UTC)
            if version is None:
                inserts.append((*key, text, int(self._clock() * 1_000_000), expires))
            else:
                updates.append((text, version + 1, expires, *key))
        changes: tuple[tuple[LiteralString, list[Any]], ...] = ((INSERT, inserts), (UPDATE, updates), (DELETE, deletes))
        for statement, rows in changes:
            if rows:
                connection.cursor().executemany(statement, rows)

    def _versions(self, connection: _Connection, writes: Sequence[Write]) -> Mapping[tuple[str, str], tuple[int, bool]]:
        """Returns the version of each existing item that `writes` would change, and whether the item is still valid. A
        key of the result is a pair of the item's partition and name. A value is a pair of the item's version and a
        boolean, which is False if the item has expired.
        """
        names = _by_partition([(write.partition, write.name) for write in writes])
        return {
            (partition, name): (version, self._is_live(expires))
            for partition, wanted in names.items()
            for name, version, expires in connection.execute(VERSIONS, (partition, wanted))
        }

    def _live(self, partition: str, rows: Sequence[tuple[Any, ...]]) -> Mapping[str, Item]:
        """Returns the items in the rows of a partition, by their names. Leaves out expired rows, because Spanner may
        keep them for a few days ("Time to live").
        """
        return {
            name: Item(partition, name, json.loads(text), version, int(expires.timestamp()) if expires else None)
            for name, text, version, expires in rows
            if self._is_live(expires)
        }

    def _is_live(self, expires: datetime | None) -> bool:
        return expires is None or expires.timestamp() > self._clock()

    @contextmanager
    def _connection(self) -> Generator[_Connection]:
        with _readable_errors(), self._pool.connection() as connection:
            yield connection


def _by_partition(keys: Collection[Key]) -> Mapping[str, list[str]]:
    """Groups item keys by partition. Returns the names of each partition's items, without duplicates."""
    names: dict[str, list[str]] = {}
    for partition, name in dict.fromkeys(keys):
        names.setdefault(partition, []).append(name)
    return names


def _is_met(write: Write, seen: int | None) -> bool:
    if isinstance(write.condition, Absent):
        return seen is None
    return not isinstance(write.condition, Unchanged) or seen == write.condition.version


def _serializable(connection: _Connection) -> None:
    """Sets the isolation level to serializable, which is Spanner's default but not PostgreSQL's."""
    connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE


@contextmanager
def _readable_errors() -> Generator[None]:
    """Raises RegistryError in place of a database error that the operator can resolve. The message has one line."""
    try:
        yield
    except _RETRIED_ERRORS:
        raise
    except (psycopg.OperationalError, errors.UndefinedTable, errors.InsufficientPrivilege) as error:
        reason = " ".join(str(error).split())
        raise RegistryError(
            f"the metadata database did not answer: {reason}. Point PGHOST and PGPORT at PGAdapter "
            "(docs/metadata.md) and try again"
        ) from error
