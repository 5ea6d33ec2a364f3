"""Reads OSV records from archives and directories, one at a time."""

from __future__ import annotations

import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from registry import RegistryError

_SUFFIX = ".json"
# The maximum size of an OSV record in bytes. The largest records in public databases have about 100 KB. A file above
# the maximum is therefore probably not an OSV record.
_MOST_BYTES = 16 * 1024 * 1024
# The errors of the module zipfile for a member that is damaged, encrypted, or packed with an unknown method.
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Record:
    """The text of one OSV record. `title` names the record's file; for a file in an archive, it names the archive and
    the file. If the record cannot be read, `text` is empty and `error` says why.
    """

    title: str
    text: bytes = b""
    error: str = ""


def records(source: Path) -> Iterator[Record]:
    """Yields the OSV records in a zip archive or below a directory: each file whose name ends in .json.

    Raises RegistryError for a source that is neither an archive nor a directory, or that holds no record.
    """
    if not source.exists():
        raise RegistryError(f"{source}: no such file or directory; name a zip archive or a directory of OSV records")
    found = False
    for record in _in_directory(source) if source.is_dir() else _in_archive(source):
        found = True
        yield record
    if not found:
        raise RegistryError(f"{source}: holds no file whose name ends in {_SUFFIX}; name an export of OSV records")


def _in_directory(source: Path) -> Iterator[Record]:
    for directory, folders, files in os.walk(source):
        folders.sort()
        for name in sorted(files):
            path = Path(directory) / name
            if path.suffix != _SUFFIX:
                continue
            try:
                size = path.stat().st_size
                yield _sized(str(path), size) or Record(str(path), path.read_bytes())
            except OSError as error:
                yield Record(str(path), error=f"cannot be read: {error.strerror}")


def _in_archive(source: Path) -> Iterator[Record]:
    try:
        with zipfile.ZipFile(source) as archive:
            for member in archive.infolist():
                if not member.is_dir() and member.filename.endswith(_SUFFIX):
                    yield _member(archive, member, f"{source}: {member.filename}")
    except (zipfile.BadZipFile, OSError) as error:
        raise RegistryError(f"{source}: cannot be read as a zip archive: {error}") from None


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, title: str) -> Record:
    try:
        return _sized(title, member.file_size) or Record(title, archive.read(member))
    except _BROKEN as error:
        return Record(title, error=f"cannot be unpacked: {error}")


def _sized(title: str, size: int) -> Record | None:
    return (
        Record(title, error=f"has {size} bytes, and a record takes at most {_MOST_BYTES}")
        if size > _MOST_BYTES
        else None
    )
