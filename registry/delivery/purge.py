"""The interface to the edge network: cache purges and the quarantine list.

A purge names the URLs under which the edge's cache stores objects, which are the URLs of the worker's requests to the
shields.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Protocol
from urllib.parse import quote

from registry import RegistryError

# The key of the quarantine list in the edge's key-value store (workers/edge/src/quarantine.ts).
WITHDRAWN = "quarantine"
# The URLs in one request that every Cloudflare plan accepts
# (developers.cloudflare.com/cache/how-to/purge-cache/purge-by-single-file).
_AT_ONCE = 30


class PurgeError(RegistryError):
    """Raised when a purge fails. The edge may still serve the old objects."""


class EdgeNetwork(Protocol):
    """The edge network that serves readers. Both methods raise RegistryError."""

    def purge(self, keys: Sequence[str]) -> None:
        """Purges the objects from every PoP's cache. Copies in isolates and shields expire within seconds."""
        ...

    def refuse(self, keys: Sequence[str]) -> None:
        """Makes every PoP refuse exactly these objects, even while caches hold them. Replaces the former list."""
        ...


def purged_at_once(shields: Sequence[str], keys: Sequence[str]) -> Iterator[list[str]]:
    """Yields the objects' URLs, grouped into requests. `shields` are host names with ports, as in the worker."""
    urls = [f"https://{shield}/objects/{object_path(key)}" for key in keys for shield in shields]
    return (urls[start : start + _AT_ONCE] for start in range(0, len(urls), _AT_ONCE))


def withdrawn_entry(keys: Sequence[str]) -> bytes:
    return json.dumps({"version": 1, "keys": list(keys)}).encode()


def object_path(key: str) -> str:
    """Returns a key as a URL path, encoded like encodeURIComponent (ECMA-262), so that it equals the worker's URL."""
    return "/".join(quote(part, safe="!'()*") for part in key.split("/"))
