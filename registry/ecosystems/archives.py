"""Reads untrusted archives: refuses members with paths outside the archive, and archives that unpack to too much."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from registry import RegistryError

_MEMBERS = 200_000
_UNPACKED_BYTES = 8 << 30


def checked_members(file: Path, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yields the archive's members in order.

    Raises RegistryError for a member with a path outside the archive, and when the archive has too many members or
    unpacks to too many bytes.
    """
    unpacked = 0
    for number, member in enumerate(tar, 1):
        refuse_outside(file, member.name)
        unpacked += member.size
        if number > _MEMBERS or unpacked > _UNPACKED_BYTES:
            raise RegistryError(
                f"{file}: unpacks to more than {_MEMBERS} members or {_UNPACKED_BYTES >> 30} GiB; publish less at once"
            )
        yield member


def refuse_outside(file: Path, name: str) -> None:
    """Raises RegistryError if the member `name` would be unpacked outside the directory that the archive goes to."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise RegistryError(f"{file}: member {name!r} reaches outside of the archive; build the archive again")
