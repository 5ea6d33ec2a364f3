"""Receives uploads to the emulated Cloud Storage. An upload is one request with content and metadata, or a resumable
session of several requests.

Source: Cloud Storage, "Uploads and downloads". Sessions are kept in memory and end when the emulated cloud restarts.
Google ends sessions after a week.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from emulation.gcp.catalog import Json, Refused
from emulation.gcp.objects.conditions import Conditions
from emulation.gcp.objects.versions import Versions

_RANGE = re.compile(r"bytes (?:(?P<first>\d+)-(?P<last>\d+)|\*)/(?P<total>\d+|\*)")
_BOUNDARY = re.compile(r"boundary=[\"']?([^\"';]+)")
_PART_TYPE = re.compile(rb"(?im)^content-type: *([^\r\n]+)")
# The size of each piece of a resumable upload is a multiple of this number of bytes. Only the last piece may have
# another size.
_CHUNK = 256 * 1024


@dataclass
class Session:
    """A resumable upload to Cloud Storage that is in progress. `file` contains the first `received` bytes."""

    bucket: str
    fields: Json
    conditions: Conditions
    file: Path
    received: int = 0
    done: Json | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """The resumable Cloud Storage uploads to one sandbox (emulated clouds) that are in progress."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "uploads"
        self._directory.mkdir(parents=True, exist_ok=True)
        self._sessions: dict[str, Session] = {}

    def start(self, bucket: str, fields: Json, conditions: Conditions) -> str:
        """Starts a resumable upload to Cloud Storage and returns the id of its session."""
        id = secrets.token_urlsafe(24)
        file = self._directory / id
        file.touch()
        self._sessions[id] = Session(bucket, fields, conditions, file)
        return id

    def find(self, id: str) -> Session:
        found = self._sessions.get(id)
        if found is None:
            raise Refused(404, f"Upload session '{id}' was not found")
        return found

    def end(self, id: str) -> None:
        """Cancels a resumable upload to Cloud Storage. Raises Refused when no such upload is in progress."""
        self.find(id).file.unlink(missing_ok=True)
        del self._sessions[id]


def receive(session: Session, versions: Versions, bucket: Json, content_range: str, body: bytes) -> Json | None:
    """Receives one chunk of a resumable upload to Cloud Storage. Returns the new object's metadata after the last
    chunk, and None after every other chunk.

    Raises Refused when the range of the chunk is invalid or the object cannot be written.
    """
    with session.lock:
        if session.done is not None:
            return session.done
        total = _append(session, content_range, body)
        if total is None or session.received < total:
            return None
        draft = versions.draft(_chunks(session.file))
        session.file.unlink()
        session.done = versions.write(bucket, session.fields["name"], session.fields, draft, session.conditions)
        return session.done


def _append(session: Session, content_range: str, body: bytes) -> int | None:
    """Appends a chunk to the file of a resumable upload. Returns the size of the whole object in bytes, or None if the
    request does not state the size.
    """
    if not content_range:  # A request without the header Content-Range contains the whole object.
        content_range = f"bytes 0-{len(body) - 1}/{len(body)}" if body else "bytes */0"
    match = _RANGE.fullmatch(content_range)
    if match is None:
        raise Refused(400, f"Invalid Content-Range: '{content_range}'")
    total = None if match["total"] == "*" else int(match["total"])
    if match["first"] is None:
        return total
    first, last = int(match["first"]), int(match["last"])
    if first > session.received or last - first + 1 != len(body):
        raise Refused(503, f"bytes {first}-{last} do not continue the {session.received} received bytes")
    if len(body) % _CHUNK and (total is None or last + 1 < total):
        raise Refused(400, f"A piece of {len(body)} bytes is not a multiple of {_CHUNK}")
    with session.file.open("r+b") as file:
        file.seek(first)
        file.write(body)
    session.received = last + 1
    return total


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(1 << 20):
            yield piece


def parts(content_type: str, body: bytes) -> tuple[Json, bytes]:
    """Returns the metadata and the content of an object from a `multipart/related` upload (RFC 2046, section 5.1).

    If the metadata contains no content type, the object gets the content type of the second part. Raises Refused when
    the body is malformed.
    """
    boundary = _BOUNDARY.search(content_type)
    delimiter = b"\r\n--" + (boundary[1].encode() if boundary else b"")
    pieces = (b"\r\n" + body).split(delimiter)
    if boundary is None or len(pieces) != 4 or pieces[3].strip() != b"--":
        raise Refused(400, "Invalid multipart request: two parts are expected, and a boundary that is in neither")
    (_, _, text), (headers, _, content) = (piece.partition(b"\r\n\r\n") for piece in pieces[1:3])
    kind = _PART_TYPE.search(headers)
    return ({"contentType": kind[1].decode()} if kind else {}) | _json(text), content


def _json(text: bytes) -> Json:
    try:
        given: object = json.loads(text or b"{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refused(400, "Invalid JSON payload received")
    return cast(Json, given)
