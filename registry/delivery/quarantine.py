"""The list of withdrawn objects. The edge checks this list before it asks any cache (workers/edge/src/quarantine.ts).

Caches keep an immutable object for a year, and shields (regional caches) cannot purge an object. The edge therefore
refuses an object on the list even when a cache has it. The origin keeps withdrawn objects under keys that no URL
reaches.
"""

from __future__ import annotations

from collections.abc import Sequence

from registry import revocations
from registry.delivery.purge import EdgeNetwork
from registry.metadata import Put, Repository
from registry.origin import Origin

PARTITION = "quarantine"
_AT_ONCE = 90


def withdraw(repository: Repository, edge: EdgeNetwork, origin: Origin, keys: Sequence[str]) -> None:
    """Adds objects to the quarantine list at the edge. Then moves these objects at the origin to keys that no URL
    reaches.

    The list may reach the edge a minute late. Until then, the edge reads the keys of these objects from a feed, a small
    document that it fetches from the metadata API every 2 s.
    """
    for start in range(0, len(keys), _AT_ONCE):
        some = list(dict.fromkeys(keys[start : start + _AT_ONCE]))
        repository.transact([*(Put(PARTITION, key, {}) for key in some), revocations.of_objects(some)])
    sync_list(repository, edge)
    for key in keys:
        origin.quarantine(key)


def sync_list(repository: Repository, edge: EdgeNetwork) -> None:
    """Writes the quarantine list (the withdrawn objects) from the metadata database to the edge.

    If the list in the database changes during the write, the function writes the list again.
    """
    written: list[str] | None = None
    while (listed := [item.name for item in repository.items(PARTITION)]) != written:
        edge.refuse(listed)
        written = listed
