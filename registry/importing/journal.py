"""The journal file of a bulk import. A resumed import skips the items that the journal lists.

The journal only saves time: without it, an import finds committed packages in the database. After the commit of an
item, the import appends a line with two digests: one of the item's source, and one of the imported content. If a source
has several lines, the last line applies. If the content at the source has changed, the import therefore imports the
package again.

In journals of earlier releases, a line contains only the digest of the content. A crash can leave an incomplete last
line, which the import ignores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from registry import RegistryError
from registry.importing import Wanted

# The number of hex digits of a digest in the journal. A digest therefore has 32 * 4 = 128 bits. Even among a billion
# items, two items are very unlikely to have the same digest.
_DIGITS = 32


class Journal:
    """The journal of bulk imports into one stack, kept in a file. Raises RegistryError when the file cannot be used."""

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
    # A path on Linux is a string of bytes. Python represents bytes that are not UTF-8 as lone surrogates (PEP 383).
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()[: _DIGITS // 2]
