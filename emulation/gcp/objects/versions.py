"""Stores all versions of all objects of the emulated Cloud Storage. The metadata is in one SQLite file, and the content
is in separate files.

A version is live, noncurrent (replaced or deleted in a versioned bucket) or soft-deleted. Lifecycle rules are not
emulated, and soft-deleted versions are kept forever.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import google_crc32c

from emulation.gcp.catalog import Json, Refused
from emulation.gcp.objects.conditions import Conditions, checked_retention, expect_deletable, written

State = Literal["live", "noncurrent", "soft"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS version (
    generation INTEGER PRIMARY KEY, bucket TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS live ON version (bucket, name) WHERE state = 'live';
CREATE INDEX IF NOT EXISTS named ON version (bucket, name);
"""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Draft:
    """Content that was uploaded to Cloud Storage and does not belong to an object version yet."""

    path: Path
    size: int
    md5: str
    crc32c: str


class Versions:
    """The versions of all Cloud Storage objects in one sandbox (emulated clouds). All methods can be called from any
    thread.
    """

    def __init__(self, directory: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._content_directory = directory / "objects"
        self._content_directory.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(directory / "objects.sqlite", check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.executescript(_SCHEMA)
        self._last = self._connection.execute("SELECT coalesce(max(generation), 0) FROM version").fetchone()[0]

    def draft(self, chunks: Iterable[bytes]) -> Draft:
        """Stores uploaded content as a draft, which is not yet an object version. The method `write` later creates an
        object version from the draft.
        """
        path, size = self._content_directory / f"draft-{self._number()}", 0
        md5, crc32c = hashlib.md5(), cast(Any, google_crc32c).Checksum()  # noqa: S324  Cloud Storage reports this digest
        with path.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
                md5.update(chunk)
                crc32c.update(chunk)
                size += len(chunk)
        return Draft(path, size, _text(md5.digest()), _text(crc32c.digest()))

    def write(self, bucket: Json, name: str, fields: Json, draft: Draft, conditions: Conditions) -> Json:
        """Creates a new live version of a Cloud Storage object from uploaded content. If the request is invalid,
        deletes the content and raises Refused."""
        with self._lock:
            try:
                _expect_intact(fields, draft)
                there = self.live(bucket["name"], name)
                conditions.expect(there)
                retention = checked_retention(bucket, None, fields.get("retention"), self._clock(), override=False)
                if there is not None:
                    self._make_noncurrent(bucket, there)
                document = self._document(bucket, name, fields, draft) | ({"retention": retention} if retention else {})
            except Refused:
                draft.path.unlink()
                raise
            draft.path.rename(self.path(document))
            self._store(document, "live")
            return document

    def patch(self, bucket: Json, version: Json, changes: Json, conditions: Conditions, *, override: bool) -> Json:
        """Changes the metadata of a version of a Cloud Storage object. If `override` is true, the request may shorten
        or remove an unlocked retention. Raises Refused when a precondition or the retention forbids the change.
        """
        with self._lock:
            conditions.expect(version)
            document = {**version, **changes}
            if "retention" in changes:
                old = version.get("retention")
                checked_retention(bucket, old, changes["retention"], self._clock(), override=override)
            document = {field: value for field, value in document.items() if value is not None}
            document["metageneration"] = str(int(version["metageneration"]) + 1)
            document["updated"] = written(self._clock())
            self._run(
                "UPDATE version SET document = ? WHERE generation = ?", json.dumps(document), version["generation"]
            )
            return document

    def delete(self, bucket: Json, version: Json, conditions: Conditions, *, for_good: bool) -> None:
        """Deletes a version of a Cloud Storage object. Raises Refused when a precondition or a retention does not
        permit the deletion.

        If `for_good` is false, a versioned bucket keeps the version as noncurrent. The caller sets `for_good` if the
        request contains the generation of the version, because such a request deletes the version even from a versioned
        bucket.
        """
        with self._lock:
            conditions.expect(version)
            if for_good:
                self._remove(bucket, version)
            else:
                self._make_noncurrent(bucket, version)

    def live(self, bucket: str, name: str) -> Json | None:
        rows = self._run("SELECT document FROM version WHERE (bucket, name, state) = (?, ?, 'live')", bucket, name)
        return json.loads(rows[0][0]) if rows else None

    def version(self, bucket: str, name: str, generation: str) -> Json | None:
        """Returns the metadata of a live or noncurrent version of a Cloud Storage object, or None when no such version
        exists."""
        rows = self._run(
            "SELECT document FROM version WHERE (bucket, name, generation) = (?, ?, ?) AND state != 'soft'",
            bucket,
            name,
            generation,
        )
        return json.loads(rows[0][0]) if rows else None

    def listed(self, bucket: str, prefix: str, states: Iterable[State]) -> list[Json]:
        """Lists the object versions in a Cloud Storage bucket that have one of the given states and a name that begins
        with `prefix`. Returns the metadata of the versions, sorted by name and generation.
        """
        wanted = set(states)
        rows = self._run(
            "SELECT state, document FROM version WHERE bucket = ? AND substr(name, 1, ?) = ? ORDER BY name, generation",
            bucket,
            len(prefix),
            prefix,
        )
        return [json.loads(document) for state, document in rows if state in wanted]

    def path(self, document: Json) -> Path:
        """Returns the path of the file with the content of a Cloud Storage object version."""
        return self._content_directory / document["generation"]

    def _make_noncurrent(self, bucket: Json, version: Json) -> None:
        if not bucket.get("versioning", {}).get("enabled"):
            return self._remove(bucket, version)
        return self._store(version | {"timeDeleted": written(self._clock())}, "noncurrent")

    def _remove(self, bucket: Json, version: Json) -> None:
        now = self._clock()
        expect_deletable(version, now)
        kept = int(bucket.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0))
        if kept:
            times = {"softDeleteTime": written(now), "hardDeleteTime": written(now + kept)}
            return self._store(version | times, "soft")
        self._run("DELETE FROM version WHERE generation = ?", version["generation"])
        return self.path(version).unlink(missing_ok=True)

    def _store(self, document: Json, state: State) -> None:
        self._run(
            "INSERT OR REPLACE INTO version VALUES (?, ?, ?, ?, ?)",
            int(document["generation"]),
            document["bucket"],
            document["name"],
            state,
            json.dumps(document),
        )

    def _document(self, bucket: Json, name: str, fields: Json, draft: Draft) -> Json:
        generation, now = str(self._number()), written(self._clock())
        key = bucket.get("encryption", {}).get("defaultKmsKeyName")
        return {
            "kind": "storage#object",
            "id": f"{bucket['name']}/{name}/{generation}",
            "name": name,
            "bucket": bucket["name"],
            "generation": generation,
            "metageneration": "1",
            "contentType": "application/octet-stream",
            "storageClass": "STANDARD",
            **{field: value for field, value in fields.items() if field != "retention" and value is not None},
            "size": str(draft.size),
            "md5Hash": draft.md5,
            "crc32c": draft.crc32c,
            "etag": _text(generation.encode()),
            "timeCreated": now,
            "updated": now,
            **({"kmsKeyName": f"{key}/cryptoKeyVersions/1"} if key else {}),
        }

    def _number(self) -> int:
        """Returns a generation number for a new object version. The number is greater than all earlier generation
        numbers.
        """
        with self._lock:
            self._last = max(self._last + 1, int(self._clock() * 1_000_000))
            return self._last

    def _run(self, statement: str, *parameters: Any) -> list[Any]:
        with self._lock:
            return self._connection.execute(statement, parameters).fetchall()

    def copied(self, document: Json) -> Draft:
        """Copies the content of a Cloud Storage object version into a draft, which is content without an object
        version. `write` then creates the copied object from the draft.
        """
        path = self._content_directory / f"draft-{self._number()}"
        shutil.copyfile(self.path(document), path)
        return Draft(path, int(document["size"]), document["md5Hash"], document["crc32c"])


def _expect_intact(fields: Json, draft: Draft) -> None:
    for field, found in (("md5Hash", draft.md5), ("crc32c", draft.crc32c)):
        if fields.get(field) not in (None, found):
            raise Refused(400, f"Provided {field} {fields[field]!r} doesn't match calculated {field} {found!r}.")


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
