"""The metadata database as the registry sees it: documents by partition and name, changed all or none.

DynamoDB and Spanner each implement the same `Repository`, and pass the same tests (docs/metadata.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from registry import RegistryError

# Writes in one transaction (Amazon DynamoDB, "TransactWriteItems"). Spanner would accept 80,000 changed cells.
MOST_WRITES = 100

MOST_TRANSACTION_BYTES = 4 * 1024 * 1024  # of all items of a transaction together (as above)
MOST_ITEM_BYTES = 400_000  # 400 KB with the names of attributes (Amazon DynamoDB, "Quotas")
MOST_PARTITION_BYTES, MOST_NAME_BYTES = 2048, 1024  # as above
_ATTRIBUTES_BYTES = len("pk" + "sk" + "document" + "version" + "expires") + 2 * 21  # a number takes at most 21 bytes


class Conflict(Exception):
    """The condition of a write failed, so nothing was written. `partition` and `name` identify the item."""

    def __init__(self, partition: str, name: str) -> None:
        super().__init__(f"{partition} {name}: is not as it was expected to be")
        self.partition = partition
        self.name = name


class Busy(RegistryError):
    """Other processes kept writing the same items, so nothing was written."""


@dataclass(frozen=True)
class Item:
    """`version` counts up with each write of the item, also across its deletion: a new item's starts at the clock, in
    microseconds since 1970. `expires` is in seconds since 1970 (UTC)."""

    partition: str
    name: str
    document: Mapping[str, Any]
    version: int
    expires: int | None = None


@dataclass(frozen=True)
class Always:
    """The condition of a write that needs no check."""


@dataclass(frozen=True)
class Absent:
    """The condition that an item does not exist or has expired."""


@dataclass(frozen=True)
class Unchanged:
    """The condition that an item exists and still has the version that was read."""

    version: int


Condition = Always | Absent | Unchanged


@dataclass(frozen=True)
class Put:
    """Creates or replaces an item. `document` is whatever JSON can hold; reads skip it after `expires`."""

    partition: str
    name: str
    document: Mapping[str, Any]
    condition: Condition = field(default_factory=Always)
    expires: int | None = None


@dataclass(frozen=True)
class Delete:
    """Removes an item, if it is there."""

    partition: str
    name: str
    condition: Condition = field(default_factory=Always)


Write = Put | Delete


class Repository(Protocol):
    """Reads see what was committed before them. All methods may be called from any thread."""

    def item(self, partition: str, name: str) -> Item | None: ...

    def items(self, partition: str, *, prefix: str = "", after: str = "") -> Iterator[Item]:
        """Those of a partition whose names start with `prefix` and sort behind `after`, by the bytes of their names.

        Read in pages: what is written meanwhile may be among them or not.
        """
        ...

    def transact(self, writes: Sequence[Write]) -> None:
        """Makes all writes or none, at most one an item. Raises Conflict, Busy, and RegistryError beyond the limits."""
        ...


def encoded(document: Mapping[str, Any]) -> str:
    """A document as JSON text that every database can hold: no raw NUL, no half of a surrogate pair."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(document, sort_keys=True, separators=(",", ":"))
    return text


def checked(writes: Sequence[Write]) -> Sequence[tuple[Write, str]]:
    """Writes with their encoded documents, within the limits of both databases. Raises RegistryError."""
    if len({(write.partition, write.name) for write in writes}) != len(writes):
        raise ValueError("an item can be written only once in a transaction")
    if len(writes) > MOST_WRITES:
        raise RegistryError(
            f"{writes[0].partition}: {len(writes)} metadata items change at once, and {MOST_WRITES} may; publish less "
            "at once"
        )
    sized = [(write, encoded(write.document) if isinstance(write, Put) else "") for write in writes]
    total = sum(_bytes(write, text) for write, text in sized)
    if total > MOST_TRANSACTION_BYTES:
        raise RegistryError(
            f"{writes[0].partition}: the metadata items that change at once are of {total} bytes, and "
            f"{MOST_TRANSACTION_BYTES} may be; publish less at once"
        )
    return sized


def _bytes(write: Write, text: str) -> int:
    """The size of the item by DynamoDB's rules. Raises RegistryError where it is more than an item may have."""
    partition, name = _key_bytes(write, write.partition, MOST_PARTITION_BYTES), _key_bytes(write, write.name)
    size = partition + name + len(text.encode()) + _ATTRIBUTES_BYTES
    if size > MOST_ITEM_BYTES:
        raise RegistryError(
            f"{write.partition} {write.name}: its metadata is of {size} bytes, and {MOST_ITEM_BYTES} is the most; make "
            "it smaller"
        )
    return size


def _key_bytes(write: Write, text: str, most: int = MOST_NAME_BYTES) -> int:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= most or "\0" in text:
        raise RegistryError(
            f"{write.partition!r} {write.name!r}: a metadata key is of 1 to {most} bytes of UTF-8 without NUL"
        )
    return size
