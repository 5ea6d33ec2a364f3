"""Tests that an archive of a stranger does not exhaust the memory or the stack of the registry."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import RegistryError
from registry.ecosystems import npm, pypi

READERS: list[tuple[str, Callable[[Path], object]]] = [("p-1.0.tgz", npm.read), ("p-1.0.tar.gz", pypi.read)]


def extended_header(size: int) -> bytes:
    """Returns an extended header of a tar archive (POSIX pax), without its content."""
    member = tarfile.TarInfo("p-1.0/PKG-INFO")
    member.type, member.size = tarfile.XHDTYPE, size
    return member.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize(("name", "read"), READERS)
def test_a_large_extended_header_is_refused_before_it_is_read(
    tmp_path: Path, name: str, read: Callable[[Path], object]
) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.compress(extended_header(4 << 30)))
    with pytest.raises(RegistryError, match="an extended header has 4294967296 bytes"):
        read(file)


@pytest.mark.parametrize(("name", "read"), READERS)
def test_a_long_chain_of_extended_headers_is_refused(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.compress(extended_header(0) * 2_000))
    with pytest.raises(RegistryError, match="is not an"):
        read(file)
