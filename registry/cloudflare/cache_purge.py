"""Tells the edge network of changes: purges its caches, and lists what was withdrawn in Workers KV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from registry import RegistryError
from registry.cloudflare.api import CloudflareApi, CloudflareError
from registry.delivery.purge import WITHDRAWN, PurgeError, purged_at_once, withdrawn_entry


@dataclass(frozen=True)
class CloudflareEdge:
    """One stack's edge network.

    `purges` may purge the cache of the zone that `zone_id` returns. `entries` may edit the namespace `namespace_id` of
    the account. `shields` are names and ports.
    """

    purges: CloudflareApi
    entries: CloudflareApi
    zone_id: Callable[[], str]
    account_id: str
    namespace_id: str
    shields: Sequence[str]

    def purge(self, keys: Sequence[str]) -> None:
        try:
            zone_id = self.zone_id()
            for urls in purged_at_once(self.shields, keys):
                self.purges.ask("POST", f"/zones/{zone_id}/purge_cache", {"files": urls})
        except CloudflareError as error:
            raise PurgeError(f"the edge was not purged: {error}") from None

    def refuse(self, keys: Sequence[str]) -> None:
        namespace = f"/accounts/{self.account_id}/storage/kv/namespaces/{self.namespace_id}"
        try:
            self.entries.send(
                "PUT", f"{namespace}/values/{WITHDRAWN}", withdrawn_entry(keys), "application/octet-stream"
            )
        except CloudflareError as error:
            raise RegistryError(f"the edge was not told what is withdrawn: {error}") from None


def find_zone(api: CloudflareApi, name: str) -> str:
    """Returns the id of the zone with that domain. Raises CloudflareError, or PurgeError if the token sees no zone."""
    for zone in api.listed("/zones", {"name": name}):
        return zone["id"]
    raise PurgeError(f"the edge was not purged: the API token sees no zone {name!r}; let it read zones")
