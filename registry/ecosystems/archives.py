"""Reads untrusted tar and zip archives.

The functions refuse a member that would be unpacked outside the target directory. They also refuse an archive that has
too many bytes after unpacking, or a header that would fill the memory.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Self

from registry import RegistryError

_MEMBERS = 200_000
_UNPACKED_BYTES = 8 << 30
# The maximum size of an extended header in bytes. Such a header precedes a member, and contains the member's long name
# or other attributes. Python's tarfile reads the whole header into memory, and compression can make it very large.
_HEADER_BYTES = 1 << 20
_EXTENDED = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


class Member(tarfile.TarInfo):
    """A member of an untrusted tar archive. `tarfile.open` uses this class for the argument `tarinfo`, and then raises
    tarfile.ReadError for a large extended header.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.type in _EXTENDED and member.size > _HEADER_BYTES:
            raise tarfile.ReadError(f"an extended header has {member.size} bytes; at most {_HEADER_BYTES} are accepted")
        return member


def checked_members(file: Path, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yields the members of a tar archive in order.

    Raises RegistryError for a member that would be unpacked outside the target directory. Also raises RegistryError
    when the archive has too many members, or too many bytes after unpacking.
    """
    unpacked = 0
    for number, member in enumerate(tar, 1):
        unpacked += member.size
        _check(file, member.name, number, unpacked)
        yield member


def checked_names(file: Path, archive: zipfile.ZipFile) -> Iterator[str]:
    """Yields the names of a zip archive's members in order.

    Raises RegistryError for a member that would be unpacked outside the target directory. Also raises RegistryError
    when the archive has too many members, or too many bytes after unpacking.
    """
    unpacked = 0
    for number, member in enumerate(archive.infolist(), 1):
        unpacked += member.file_size
        _check(file, member.filename, number, unpacked)
        yield member.filename


def _check(file: Path, name: str, number: int, unpacked: int) -> None:
    refuse_outside(file, name)
    if number > _MEMBERS or unpacked > _UNPACKED_BYTES:
        raise RegistryError(
            f"{file}: unpacks to more than {_MEMBERS} members or {_UNPACKED_BYTES >> 30} GiB; publish less at once"
        )


def refuse_outside(file: Path, name: str) -> None:
    """Raises RegistryError if the archive's member `name` would be unpacked outside the target directory."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise RegistryError(f"{file}: member {name!r} reaches outside of the archive; build the archive again")
