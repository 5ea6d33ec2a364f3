"""What an import has committed, so that a run which goes on need not look at it again.

A convenience, and no more: what the journal forgot is found to be there. A line is a digest of what was imported,
appended once it is committed; a last line that a crash cut short is skipped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from registry import RegistryError
from registry.importing import Wanted

_DIGITS = 32  # of a digest in hex: no two of a billion will be the same


class Journal:
    """Of one environment, in a file."""

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
