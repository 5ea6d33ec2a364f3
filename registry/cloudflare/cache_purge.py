"""Purges changed documents from Cloudflare's cache, and writes the quarantine list to Workers KV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry import RegistryError
from registry.cloudflare.api import CloudflareApi, CloudflareError
from registry.delivery.purge import WITHDRAWN, PurgeError, purged_at_once, withdrawn_entry


@dataclass(frozen=True)
class CloudflareEdge:
    """The Cloudflare caches and the quarantine list of one stack's edge network.

    The API token of `purges` may purge the cache of the zone `zone_id`. The token of `entries` may edit the Workers KV
    namespace `namespace_id` of the account. `shields` are the shields' host names with ports.
    """

    purges: CloudflareApi
    entries: CloudflareApi
    zone_id: str
    account_id: str
    namespace_id: str
    shields: Sequence[str]

    def purge(self, keys: Sequence[str]) -> None:
        try:
            for urls in purged_at_once(self.shields, keys):
                self.purges.ask("POST", f"/zones/{self.zone_id}/purge_cache", {"files": urls})
        except CloudflareError as error:
            raise PurgeError(f"the edge was not purged: {error}") from None

    def refuse(self, keys: Sequence[str]) -> None:
        namespace = f"/accounts/{self.account_id}/storage/kv/namespaces/{self.namespace_id}"
        try:
            self.entries.send(
                "PUT", f"{namespace}/values/{WITHDRAWN}", withdrawn_entry(keys), "application/octet-stream"
            )
        except CloudflareError as error:
            raise RegistryError(f"the quarantine list at the edge was not updated: {error}") from None
