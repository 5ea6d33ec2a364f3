"""Reading archives that others made: nothing that reaches outside, nothing that unpacks without end."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from registry import RegistryError

_MEMBERS = 200_000
_UNPACKED_BYTES = 8 << 30


def checked_members(file: Path, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members, as they come. Raises RegistryError for one that no client should unpack."""
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
    """Raises RegistryError for a member that would be unpacked elsewhere than beneath its archive's directory."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise RegistryError(f"{file}: member {name!r} reaches outside of the archive; make the archive anew")
