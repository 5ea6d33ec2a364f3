"""Stores the state of an emulated cloud in one SQLite file: API resources as JSON documents, and key-value entries.

The file contains private keys and the secrets of edge workers, so only its owner may read it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resource (
    kind TEXT NOT NULL, scope TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (kind, scope, id)
);
CREATE TABLE IF NOT EXISTS entry (
    namespace TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, expiration INTEGER, metadata TEXT,
    PRIMARY KEY (namespace, key)
);
"""


@dataclass(frozen=True)
class Entry:
    """One entry of a key-value namespace of an emulated cloud. `expiration` is a time in seconds since 1970, and
    `metadata` is encoded as JSON.
    """

    key: str
    value: bytes
    expiration: int | None = None
    metadata: str | None = None


class StateStore:
    """Stores the state of one emulated cloud account on disk. Each method is one transaction, and any thread may call
    it.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        self._clock = clock
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.executescript(_SCHEMA)

    def put(self, kind: str, scope: str, id: str, document: Document) -> None:
        """Creates or replaces a resource of the emulated cloud. `scope` is the id of the parent resource, such as a
        zone, or an empty string for a resource without a parent.
        """
        self._run(
            "INSERT INTO resource VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET document = excluded.document",
            kind,
            scope,
            id,
            json.dumps(document),
        )

    def get(self, kind: str, scope: str, id: str) -> Document | None:
        rows = self._run("SELECT document FROM resource WHERE (kind, scope, id) = (?, ?, ?)", kind, scope, id)
        return json.loads(rows[0][0]) if rows else None

    def all(self, kind: str, scope: str | None = None) -> list[Document]:
        """Returns all stored resources of one type, in the order of their creation.

        If `scope` is given, returns only the resources whose parent has this id.
        """
        rows = self._run(
            "SELECT document FROM resource WHERE kind = ? AND (? IS NULL OR scope = ?) ORDER BY rowid",
            kind,
            scope,
            scope,
        )
        return [json.loads(row[0]) for row in rows]

    def remove(self, kind: str, scope: str, id: str) -> None:
        self._run("DELETE FROM resource WHERE (kind, scope, id) = (?, ?, ?)", kind, scope, id)

    def remove_scope(self, scope: str) -> None:
        """Removes each resource whose parent is `scope` from the emulated cloud's stored state."""
        self._run("DELETE FROM resource WHERE scope = ?", scope)

    def write(self, namespace: str, *entries: Entry) -> None:
        """Creates or replaces key-value entries in one transaction. Also removes the expired entries of all
        namespaces.
        """
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("DELETE FROM entry WHERE expiration <= ?", (self._clock(),))
            self._connection.executemany(
                "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?)",
                [(namespace, entry.key, entry.value, entry.expiration, entry.metadata) for entry in entries],
            )

    def read(self, namespace: str, key: str) -> Entry | None:
        rows = self._run(
            "SELECT key, value, expiration, metadata FROM entry WHERE (namespace, key) = (?, ?)"
            " AND (expiration IS NULL OR expiration > ?)",
            namespace,
            key,
            self._clock(),
        )
        return Entry(*rows[0]) if rows else None

    def entries(self, namespace: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> list[Entry]:
        """Returns up to `limit` key-value entries of a namespace, sorted by key. Returns only entries whose keys begin
        with `prefix` and come after the key `after`.
        """
        rows = self._run(
            "SELECT key, value, expiration, metadata FROM entry WHERE namespace = ? AND key > ?"
            " AND substr(key, 1, ?) = ? AND (expiration IS NULL OR expiration > ?) ORDER BY key LIMIT ?",
            namespace,
            after,
            len(prefix),
            prefix,
            self._clock(),
            limit,
        )
        return [Entry(*row) for row in rows]

    def erase(self, namespace: str, *keys: str) -> None:
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "DELETE FROM entry WHERE (namespace, key) = (?, ?)", [(namespace, key) for key in keys]
            )

    def erase_namespace(self, namespace: str) -> None:
        self._run("DELETE FROM entry WHERE namespace = ?", namespace)

    def now(self) -> float:
        """Returns the current time of the emulated cloud, in seconds since 1970."""
        return self._clock()

    def close(self) -> None:
        self._connection.close()

    def _run(self, statement: str, *parameters: Any) -> list[Any]:
        with self._lock:
            return self._connection.execute(statement, parameters).fetchall()
