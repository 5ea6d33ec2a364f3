"""Stores a data set of security advisories, and makes it the data set that the edge applies.

The module first writes the objects of the data set to the origin. One database transaction then makes the data set
current and writes an audit entry. The edge later gets the digest of the current data set, and reads the objects from
the origin.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from contract.advisories import CURRENT, KNOWN
from contract.edge_policies import PARTITION
from registry import RegistryError
from registry.advisories.data_set import Counts, DataSet, Index
from registry.catalog import audit
from registry.catalog.artifact import Blob
from registry.catalog.audit import By
from registry.clock import now
from registry.edge_policy import entry
from registry.metadata import Absent, Conflict, Item, Put, Unchanged
from registry.target import Target

_WRITTEN_AT_ONCE = 16
# A new data set of advisories must have at least this share of the previous data set's number of advisories. A check
# compares these numbers for each ecosystem. It also compares the numbers of advisories about malware. With fewer
# advisories, the source is probably incomplete, and the import fails. The option `--fewer` of the import disables this
# check.
_KEPT = 0.9


@dataclass(frozen=True)
class InForce:
    """The advisory data set that the edge applies. `at` is the time of its import (ISO 8601, UTC)."""

    digest: str
    counts: Counts
    by: By
    at: str


@dataclass(frozen=True)
class Imported:
    """The result of an import of advisories: the data set that is now in force. `new` is false if this data set was
    already in force before the import.

    The import also writes the data set's digest to Workers KV. `edge_error` is the error of this write, or empty.
    """

    counts: Counts
    digest: str
    new: bool
    edge_error: str


def current(target: Target) -> InForce | None:
    """Returns the current advisory data set. Returns None if no data set has been stored yet."""
    item = target.repository.item(PARTITION, CURRENT)
    if item is None:
        return None
    document = item.document
    by = By(document["principal"], document["caller"], document["action"])
    return InForce(document["advisories"][0], document["counts"], by, document["at"])


def put(target: Target, by: By, made: DataSet, *, fewer: bool) -> Imported:
    """Stores an advisory data set, and makes it the data set that the edge applies.

    Raises RegistryError if the data set contains less than 90 % of an ecosystem's previous number of advisories, or of
    its previous number of advisories about malware. `fewer` disables this check. Also raises RegistryError if another
    operator imports advisories at the same time.
    """
    item = target.repository.item(PARTITION, CURRENT)
    _write(target, made.shards())
    index = made.index()
    if not fewer:
        _expect_as_many(item, index.counts)
    target.origin.create(index.blob)
    known: list[str] = item.document["advisories"] if item else []
    is_new = index.digest not in known[:1]
    if is_new:
        _commit(target, by, index, item, [index.digest, *(each for each in known if each != index.digest)][:KNOWN])
    return Imported(index.counts, index.digest, is_new, entry.update(target))


def _write(target: Target, shards: Iterator[Blob]) -> None:
    """Writes the shards (parts) of an advisory data set that the origin lacks. Keeps only a few shards in memory at
    once.
    """
    with ThreadPoolExecutor(_WRITTEN_AT_ONCE) as pool:
        while some := list(islice(shards, _WRITTEN_AT_ONCE)):
            list(pool.map(target.origin.create, some))


def _expect_as_many(item: Item | None, counts: Counts) -> None:
    before: Counts = item.document["counts"] if item else {}
    for ecosystem, numbers in before.items():
        for kind in ("advisories", "malware"):
            there, here = numbers[kind], counts.get(ecosystem, {}).get(kind, 0)
            if here < there * _KEPT:
                raise RegistryError(
                    f"{ecosystem}: the sources have {kind}: {here}, and the data set in force has {there}; an import "
                    "replaces the whole data set, so name all sources, or accept this with --fewer"
                )


def _commit(target: Target, by: By, index: Index, item: Item | None, digests: list[str]) -> None:
    at = now()
    document = {
        "advisories": digests,
        "counts": index.counts,
        "principal": by.principal,
        "caller": by.caller,
        "action": by.action,
        "at": at,
    }
    condition = Unchanged(item.version) if item else Absent()
    try:
        target.repository.transact(
            [Put(PARTITION, CURRENT, document, condition), audit.entry(by, f"advisories {index.digest[:12]}", at)]
        )
    except Conflict:
        raise RegistryError("another operator imported advisories at the same time; import again") from None
