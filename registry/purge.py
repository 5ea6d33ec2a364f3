"""Purging the edge, by the URLs under which its cache keeps objects: those of the worker's fetches to the shields."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from cloudflare import APIError, Cloudflare

from infra.shield import EDGE_PORT
from registry import RegistryError
from registry.target import Target

_AT_ONCE = 30
"""URLs a request, that every plan takes (developers.cloudflare.com/cache/how-to/purge-cache/purge-by-single-file)."""


class PurgeError(RegistryError):
    """The edge may still have the old objects."""


def purge(target: Target, keys: Sequence[str]) -> None:
    """Has every PoP forget the objects. What an isolate or a shield holds ends by itself, after seconds."""
    client = target.cloudflare()
    urls = [
        f"https://{shield.host}:{EDGE_PORT}/objects/{object_path(key)}" for key in keys for shield in target.shields
    ]
    try:
        zone = _zone(client, target.zone.name)
        for start in range(0, len(urls), _AT_ONCE):
            client.cache.purge(zone_id=zone, files=urls[start : start + _AT_ONCE])
    except APIError as error:
        raise PurgeError(f"the edge was not purged: {error.message}") from error


def _zone(client: Cloudflare, name: str) -> str:
    for zone in client.zones.list(name=name):
        return zone.id
    raise PurgeError(f"the edge was not purged: the API token sees no zone {name!r}; let it read zones")


def object_path(key: str) -> str:
    """Encoded as the worker encodes it, by JavaScript's encodeURIComponent (ECMA-262), or it would be another URL."""
    return "/".join(quote(part, safe="!'()*") for part in key.split("/"))
