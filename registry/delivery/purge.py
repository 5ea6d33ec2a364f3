"""The interface to the edge network: cache purges and the quarantine list.

The edge's cache stores an object under the URL of the edge worker's request to a shield. A purge names this URL.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Protocol
from urllib.parse import quote

from registry import RegistryError

# The key of the quarantine list in the edge's key-value store (workers/edge/src/quarantine.ts).
WITHDRAWN = "quarantine"
# The number of URLs that Cloudflare accepts in one purge request on every plan
# (developers.cloudflare.com/cache/how-to/purge-cache/purge-by-single-file).
_AT_ONCE = 30


class PurgeError(RegistryError):
    """Raised when a cache purge fails. The edge may still serve old copies of the objects."""


class EdgeNetwork(Protocol):
    """The edge network that serves readers. Both methods raise RegistryError."""

    def purge(self, keys: Sequence[str]) -> None:
        """Purges the objects from the cache of every PoP. Copies in isolates and shields expire within seconds."""
        ...

    def refuse(self, keys: Sequence[str]) -> None:
        """Replaces the quarantine list: every PoP refuses exactly these objects, even while caches hold them."""
        ...


def purged_at_once(shields: Sequence[str], keys: Sequence[str]) -> Iterator[list[str]]:
    """Yields the URLs to purge for these objects, grouped into requests. `shields` are host names with ports."""
    urls = [f"https://{shield}/objects/{object_path(key)}" for key in keys for shield in shields]
    return (urls[start : start + _AT_ONCE] for start in range(0, len(urls), _AT_ONCE))


def withdrawn_entry(keys: Sequence[str]) -> bytes:
    return json.dumps({"version": 1, "keys": list(keys)}).encode()


def object_path(key: str) -> str:
    """Returns an object's key as a URL path, encoded like the edge worker's: by encodeURIComponent (ECMA-262)."""
    return "/".join(quote(part, safe="!'()*") for part in key.split("/"))
