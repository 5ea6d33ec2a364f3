"""The journal file of a bulk import: lets a resumed import skip what was already committed.

The journal only saves time: an import without it finds committed packages in the database. Each line is appended after
the commit of an item: a digest of where the item is from, and a digest of what was imported. The last line of a source
counts, so that a package is imported again whenever its source says something else than at the last import. Earlier
releases wrote lines with the second digest only. An incomplete last line, left by a crash, is skipped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from registry import RegistryError
from registry.importing import Wanted

_DIGITS = 32  # hex digits (128 bits) of a digest: collisions are negligible even among a billion items


class Journal:
    """The journal of imports into one stack, kept in a file. Raises RegistryError when the file cannot be used."""

    def __init__(self, file: Path) -> None:
        self._imported = dict[bytes, bytes]()
        self._earlier = set[bytes]()
        try:
            text = file.read_text() if file.exists() else ""
            self._file = file.open("a")
        except (OSError, UnicodeDecodeError) as error:
            raise RegistryError(f"--journal {file}: cannot be used: {error}") from None
        for line in text.splitlines():
            if len(line) == 2 * _DIGITS:
                self._imported[bytes.fromhex(line[:_DIGITS])] = bytes.fromhex(line[_DIGITS:])
            elif len(line) == _DIGITS:
                self._earlier.add(bytes.fromhex(line))
        if text and not text.endswith("\n"):
            self._file.write("\n")

    def has(self, wanted: Wanted) -> bool:
        imported = self._imported.get(_key(wanted.source))
        return imported == _key(wanted.id) if imported else _key(wanted.id) in self._earlier

    def add(self, wanted: Iterable[Wanted]) -> None:
        self._file.write("".join(f"{_key(each.source).hex()}{_key(each.id).hex()}\n" for each in wanted))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[: _DIGITS // 2]
