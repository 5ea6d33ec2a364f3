"""What was withdrawn: a list that the edge looks into before any cache (workers/edge/src/quarantine.ts).

Caches keep an immutable object for a year, and shields cannot be told to forget one; the list beats them all. The
objects themselves are kept, where no URL leads.
"""

from __future__ import annotations

from collections.abc import Sequence

from registry.delivery.purge import EdgeNetwork
from registry.metadata import Put, Repository
from registry.origin import Origin

PARTITION = "quarantine"
_AT_ONCE = 90


def withdraw(repository: Repository, edge: EdgeNetwork, origin: Origin, keys: Sequence[str]) -> None:
    """Refuses the objects at the edge first, and then moves them out of reach."""
    for start in range(0, len(keys), _AT_ONCE):
        repository.transact([Put(PARTITION, key, {}) for key in dict.fromkeys(keys[start : start + _AT_ONCE])])
    tell(repository, edge)
    for key in keys:
        origin.quarantine(key)


def tell(repository: Repository, edge: EdgeNetwork) -> None:
    """Brings the edge's list up to date. Of two who write it at once, the one with the shorter list writes again."""
    told: list[str] | None = None
    while (listed := [item.name for item in repository.items(PARTITION)]) != told:
        edge.refuse(listed)
        told = listed
