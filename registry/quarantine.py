"""What was withdrawn: a list that the edge looks into before any cache (workers/edge/src/quarantine.ts).

Caches keep an immutable object for a year, and shields cannot be told to forget one; the list beats them all. The
objects themselves are kept, where no URL leads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from cloudflare import APIError

from registry import RegistryError
from registry.metadata import Put
from registry.origin import Origin
from registry.target import Target

PARTITION = "quarantine"
_ENTRY = "quarantine"
_AT_ONCE = 90


def withdraw(target: Target, origin: Origin, keys: Sequence[str]) -> None:
    """Refuses the objects at the edge first, and then moves them out of reach."""
    for start in range(0, len(keys), _AT_ONCE):
        target.repository.transact([Put(PARTITION, key, {}) for key in dict.fromkeys(keys[start : start + _AT_ONCE])])
    tell(target)
    for key in keys:
        origin.quarantine(key)


def tell(target: Target) -> None:
    """Brings the edge's list up to date. Of two who write it at once, the one with the shorter list writes again."""
    told: list[str] | None = None
    while (listed := [item.name for item in target.repository.items(PARTITION)]) != told:
        try:
            target.cloudflare().kv.namespaces.values.update(
                _ENTRY,
                account_id=target.entitlements.account_id,
                namespace_id=target.entitlements.namespace_id,
                value=json.dumps({"version": 1, "keys": listed}).encode(),
            )
        except APIError as error:
            raise RegistryError(f"the edge was not told what is withdrawn: {error.message}") from error
        told = listed
