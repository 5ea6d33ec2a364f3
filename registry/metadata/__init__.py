"""The interface of the metadata database: documents by partition and name, written in transactions.

DynamoDB and Spanner each implement the same `Repository`, and pass the same tests (docs/metadata.md).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from registry import RegistryError

# The maximum number of writes in one transaction of DynamoDB (Amazon DynamoDB, "TransactWriteItems"). Spanner accepts
# more: 80,000 changed cells.
MOST_WRITES = 100

# The maximum number of bytes of all items in one transaction (Amazon DynamoDB, "TransactWriteItems").
MOST_TRANSACTION_BYTES = 4 * 1024 * 1024
# The maximum number of bytes of one item, including the names of its attributes: 400 KB (Amazon DynamoDB, "Quotas").
MOST_ITEM_BYTES = 400_000
# The maximum number of bytes of an item's partition key, and of its sort key (Amazon DynamoDB, "Quotas").
MOST_PARTITION_BYTES, MOST_NAME_BYTES = 2048, 1024
# The bytes of an item that DynamoDB counts in addition to the item's keys and its document: the names of the item's
# attributes, and the numbers `version` and `expires`, each of which has at most 21 bytes.
_ATTRIBUTES_BYTES = len("pk" + "sk" + "document" + "version" + "expires") + 2 * 21


# The key of a database item: its partition and its name.
Key = tuple[str, str]


class Conflict(Exception):
    """Raised when the condition of a database write does not hold. The transaction has then written nothing.
    `partition` and `name` identify the item whose condition does not hold.
    """

    def __init__(self, partition: str, name: str) -> None:
        super().__init__(
            f"{partition} {name}: another process changed or created the item, so the write's condition does not hold"
        )
        self.partition = partition
        self.name = name


class Busy(RegistryError):
    """Raised when all attempts of a transaction failed because other processes were writing its items. The transaction
    has then written nothing. Also raised when the database does not process a read request in several attempts.
    """


@dataclass(frozen=True)
class Item:
    """An item of the metadata database. `expires` is in seconds since 1970 (UTC).

    Each write increments `version`. A new item's version starts at the current time in microseconds since 1970.
    Therefore an item that is deleted and created again has a later version than before.
    """

    partition: str
    name: str
    document: Mapping[str, Any]
    version: int
    expires: int | None = None


@dataclass(frozen=True)
class Always:
    """A condition that always holds, even if the item to write does not exist."""


@dataclass(frozen=True)
class Absent:
    """A condition that holds if the item to write does not exist or has expired."""


@dataclass(frozen=True)
class Unchanged:
    """A condition that holds if the item to write exists and still has the version that was read."""

    version: int


Condition = Always | Absent | Unchanged


@dataclass(frozen=True)
class Put:
    """A database write that creates or replaces an item. `document` holds JSON values. After the time `expires`, reads
    no longer find the item.
    """

    partition: str
    name: str
    document: Mapping[str, Any]
    condition: Condition = field(default_factory=Always)
    expires: int | None = None


@dataclass(frozen=True)
class Delete:
    """A database write that deletes an item. Deleting a missing item does nothing."""

    partition: str
    name: str
    condition: Condition = field(default_factory=Always)


Write = Put | Delete


class Repository(Protocol):
    """A metadata database. A read returns all data that was committed before the read. Several threads may call the
    methods at the same time.
    """

    def item(self, partition: str, name: str) -> Item | None: ...

    def items_at(self, keys: Collection[Key]) -> Mapping[Key, Item]:
        """Returns the items that exist under the given keys. One request to the database reads several items.

        The items are not all read at the same moment. If a transaction changes two of the items during the read, the
        result may contain only one of the two changes.
        """
        ...

    def items(self, partition: str, *, prefix: str = "", after: str = "") -> Iterator[Item]:
        """Yields a partition's items whose names start with `prefix` and sort after `after`, in byte order of names.

        The items are read in pages. An item that is written during the read may or may not be in the result.
        """
        ...

    def transact(self, writes: Sequence[Write]) -> None:
        """Commits all writes or none. Each item may be written only once.

        Raises Conflict if a condition does not hold, Busy after several collisions with other writers, and
        RegistryError if the writes exceed a limit of the database.
        """
        ...


def encoded(document: Mapping[str, Any]) -> str:
    """Returns a document as JSON text. NUL characters and lone surrogates are escaped, because DynamoDB or Spanner
    would refuse them otherwise.
    """
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(document, sort_keys=True, separators=(",", ":"))
    return text


def checked(writes: Sequence[Write]) -> Sequence[tuple[Write, str]]:
    """Checks the writes of one transaction. Returns each write together with its document as a JSON string. The string
    is empty for a deletion. Raises RegistryError if the writes exceed a limit of the database.
    """
    if len({(write.partition, write.name) for write in writes}) != len(writes):
        raise ValueError("an item can be written only once in a transaction")
    if len(writes) > MOST_WRITES:
        raise RegistryError(
            f"{writes[0].partition}: the change writes {len(writes)} metadata items, and a transaction takes at most "
            f"{MOST_WRITES}; publish less at once"
        )
    sized = [(write, encoded(write.document) if isinstance(write, Put) else "") for write in writes]
    total = sum(_item_size(write, text) for write, text in sized)
    if total > MOST_TRANSACTION_BYTES:
        raise RegistryError(
            f"{writes[0].partition}: the change writes {total} bytes of metadata, and a transaction takes at most "
            f"{MOST_TRANSACTION_BYTES}; publish less at once"
        )
    return sized


def _item_size(write: Write, text: str) -> int:
    """Returns the item's size in bytes by DynamoDB's rules. Raises RegistryError if the item is too large."""
    partition, name = _key_bytes(write, write.partition, MOST_PARTITION_BYTES), _key_bytes(write, write.name)
    size = partition + name + len(text.encode()) + _ATTRIBUTES_BYTES
    if size > MOST_ITEM_BYTES:
        raise RegistryError(
            f"{write.partition} {write.name}: the metadata has {size} bytes, and an item takes at most "
            f"{MOST_ITEM_BYTES}; make the metadata smaller"
        )
    return size


def _key_bytes(write: Write, text: str, most: int = MOST_NAME_BYTES) -> int:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= most or "\0" in text:
        raise RegistryError(
            f"{write.partition!r} {write.name!r}: a metadata key must have 1 to {most} bytes of UTF-8 without NUL"
        )
    return size
