"""The journal file of a bulk import: lets a resumed import skip what was already committed.

The journal only saves time: an import without it finds committed packages in the database. Each line is the digest of
one imported item, appended after the commit. An incomplete last line, left by a crash, is skipped.
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
        self._done = set[bytes]()
        try:
            text = file.read_text() if file.exists() else ""
            self._file = file.open("a")
        except (OSError, UnicodeDecodeError) as error:
            raise RegistryError(f"--journal {file}: cannot be used: {error}") from None
        for line in text.splitlines():
            if len(line) == _DIGITS:
                self._done.add(bytes.fromhex(line))
        if text and not text.endswith("\n"):
            self._file.write("\n")

    def has(self, wanted: Wanted) -> bool:
        return _key(wanted) in self._done

    def add(self, wanted: Iterable[Wanted]) -> None:
        self._file.write("".join(f"{_key(each).hex()}\n" for each in wanted))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _key(wanted: Wanted) -> bytes:
    return hashlib.sha256(wanted.id.encode()).digest()[: _DIGITS // 2]
