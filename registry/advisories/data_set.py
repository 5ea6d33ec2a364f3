"""Compiles advisories into a data set. Its shards contain the advisories of each package, and its index lists the
shards.

A temporary database on disk collects all advisories before the first shard is written. The process therefore does not
need more memory for more advisories.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from contract.advisories import (
    SHARDS,
    PackageFilter,
    encode_index,
    encode_shard,
    index_key,
    package_key,
    shard_key,
    shard_of,
)
from registry.advisories.osv import Advisory, stored
from registry.advisories.ranges import Bounds
from registry.advisories.severity import highest
from registry.catalog.artifact import Blob

_JSON = "application/json"
_SCHEMA = """
    CREATE TABLE advisories (
        shard INTEGER, package TEXT, id TEXT, modified TEXT, text TEXT, PRIMARY KEY (shard, package, id)
    ) WITHOUT ROWID
"""
# If two OSV records have the same ID, the data set of advisories contains the record that was modified last.
_INSERT = """
    INSERT INTO advisories VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
    SET modified = excluded.modified, text = excluded.text WHERE excluded.modified >= modified
"""

# Maps each ecosystem to three numbers about its part of an advisory data set. They are the numbers of packages
# (`packages`), of advisories (`advisories`), and of advisories about malware (`malware`).
Counts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Index:
    """The index of an advisory data set, as an object to write to the origin."""

    blob: Blob
    counts: Counts

    @property
    def digest(self) -> str:
        return self.blob.sha256


class DataSet:
    """Collects advisories in the SQLite database `file`, and compiles them into a data set."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(_SCHEMA)
        self._shards = [""] * SHARDS

    def add(self, advisories: Sequence[Advisory]) -> None:
        rows: list[tuple[int, str, str, str, str]] = []
        for each in advisories:
            key = package_key(each.ecosystem, each.name)
            rows.append((shard_of(key), key, each.id, each.modified, each.text))
        self._database.executemany(_INSERT, rows)

    def shards(self) -> Iterator[Blob]:
        """Yields each shard (part) of the advisory data set as an object to write to the origin. Leaves out shards
        without packages.
        """
        self._database.commit()
        rows = self._database.execute("SELECT shard, package, text FROM advisories ORDER BY shard, package, id")
        for number, of_shard in groupby(rows, key=lambda row: row[0]):
            packages = {
                package: compiled([stored(row[2]) for row in of_package])
                for package, of_package in groupby(of_shard, key=lambda row: row[1])
            }
            body = encode_shard(packages)
            digest = hashlib.sha256(body).hexdigest()
            self._shards[number] = digest
            yield Blob(shard_key(digest), body, _JSON, digest)

    def index(self) -> Index:
        """Returns the index of the advisory data set. The index contains the digests of the shards (parts). The caller
        must therefore read all shards first.
        """
        (number,) = self._database.execute("SELECT COUNT(DISTINCT package) FROM advisories").fetchone()
        known, counts = PackageFilter(number), dict[str, Counter[str]]()
        rows = self._database.execute(
            "SELECT package, COUNT(*), SUM(id LIKE 'MAL-%') FROM advisories GROUP BY shard, package"
        )
        for package, advisories, malware in rows:
            known.add(package)
            ecosystem: str = package.partition(":")[0]
            counts.setdefault(ecosystem, Counter()).update(packages=1, advisories=advisories, malware=malware)
        body = encode_index(self._shards, known, counts)
        digest = hashlib.sha256(body).hexdigest()
        return Index(Blob(index_key(digest), body, _JSON, digest), counts)

    def close(self) -> None:
        self._database.close()


def compiled(advisories: Sequence[Advisory]) -> dict[str, Any]:
    """Returns the advisories of one package in the form in which a shard (a part) of the advisory data set stores them.

    If an advisory states no severity, it gets the severity of another advisory about the same vulnerability.
    """
    bounds = Bounds(advisories[0].ecosystem, [each.affected for each in advisories])
    listed: list[dict[str, Any]] = []
    for each in advisories:
        spans = bounds.spans(each.affected)
        if not spans:
            continue
        level = each.level
        if level == "unknown":
            level = highest(other.level for other in advisories if other.level != "malware" and _is_same(each, other))
        listed.append({"id": each.id, "level": level, "aliases": list(each.aliases), "spans": spans})
    return {"bounds": bounds.texts, "advisories": listed}


def _is_same(one: Advisory, other: Advisory) -> bool:
    return not {one.id, *one.aliases}.isdisjoint({other.id, *other.aliases})
