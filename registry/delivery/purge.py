"""Telling the edge network what changed, by whatever client of its API there is.

A purge goes by the URLs under which the edge's cache keeps objects: those of the worker's fetches to the shields.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Protocol
from urllib.parse import quote

from registry import RegistryError

WITHDRAWN = "quarantine"
"""The entry of the edge's key-value store that lists what was withdrawn (workers/edge/src/quarantine.ts)."""
_AT_ONCE = 30
"""URLs a request, that every plan takes (developers.cloudflare.com/cache/how-to/purge-cache/purge-by-single-file)."""


class PurgeError(RegistryError):
    """The edge may still have the old objects."""


class EdgeNetwork(Protocol):
    """What readers are answered by. Both raise RegistryError."""

    def purge(self, keys: Sequence[str]) -> None:
        """Has every PoP forget the objects. What an isolate or a shield holds ends by itself, after seconds."""
        ...

    def refuse(self, keys: Sequence[str]) -> None:
        """Has every PoP answer that these objects are gone, and no others, whatever its caches hold."""
        ...


def purged_at_once(shields: Sequence[str], keys: Sequence[str]) -> Iterator[list[str]]:
    """The URLs of the objects, as many as a request takes. `shields` are names and ports, as the worker has them."""
    urls = [f"https://{shield}/objects/{object_path(key)}" for key in keys for shield in shields]
    return (urls[start : start + _AT_ONCE] for start in range(0, len(urls), _AT_ONCE))


def withdrawn_entry(keys: Sequence[str]) -> bytes:
    return json.dumps({"version": 1, "keys": list(keys)}).encode()


def object_path(key: str) -> str:
    """Encoded as the worker encodes it, by JavaScript's encodeURIComponent (ECMA-262), or it would be another URL."""
    return "/".join(quote(part, safe="!'()*") for part in key.split("/"))
