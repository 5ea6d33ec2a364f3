"""The interface to the edge network: cache purges, and the quarantine list (the withdrawn objects)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

from registry import RegistryError

# The key of the quarantine list (the withdrawn objects) in the edge's key-value store (workers/edge/src/quarantine.ts).
WITHDRAWN = "quarantine"


class PurgeError(RegistryError):
    """Raised when a cache purge fails. The edge may still serve old copies of the objects."""


class PurgesLimited(Exception):
    """Raised when the edge refuses a purge because of its rate limit. `keys` are the keys of the objects that still
    need a purge.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(f"the edge refused purges because of its rate limit; {len(keys)} objects are purged later")
        self.keys = keys


class EdgeNetwork(Protocol):
    """The operations of the edge network that the delivery of changes needs: cache purges, and writes to the quarantine
    list. The methods raise RegistryError if the edge refuses a request or does not answer.
    """

    def purge(self, keys: Sequence[str]) -> None:
        """Purges the objects from the cache of every PoP. Copies in isolates (instances of the worker) and shields
        (regional caches) expire within seconds.

        Raises PurgesLimited when the edge refuses a purge because of its rate limit.
        """
        ...

    def refuse(self, keys: Sequence[str]) -> None:
        """Replaces the quarantine list at the edge. `keys` are the keys of the objects on the new list. Every PoP then
        refuses exactly these objects, even if a cache holds them.
        """
        ...


def withdrawn_entry(keys: Sequence[str]) -> bytes:
    return json.dumps({"version": 1, "keys": list(keys)}).encode()


def object_path(key: str) -> str:
    """Returns an object's key as a URL path. The edge worker uses the same encoding, encodeURIComponent (ECMA-262)."""
    return "/".join(quote(part, safe="!'()*") for part in key.split("/"))
