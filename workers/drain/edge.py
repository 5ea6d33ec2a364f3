"""The edge network as the function tells it of changes; operators do the same through Cloudflare's SDK
(registry/delivery/cache_purge.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry import RegistryError
from registry.delivery.purge import WITHDRAWN, PurgeError, purged_at_once, withdrawn_entry
from workers.cloudflare_api import CloudflareApi, CloudflareSilent


@dataclass(frozen=True)
class ApiEdge:
    """`purges` may purge the cache of the zone `zone_id` and nothing else, `entries` may edit the key-value store of
    `account_id` and `namespace_id`. `shields` are names and ports."""

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
        except CloudflareSilent as error:
            raise PurgeError(f"the edge was not purged: {error}") from None

    def refuse(self, keys: Sequence[str]) -> None:
        namespace = f"/accounts/{self.account_id}/storage/kv/namespaces/{self.namespace_id}"
        try:
            self.entries.send(
                "PUT", f"{namespace}/values/{WITHDRAWN}", withdrawn_entry(keys), "application/octet-stream"
            )
        except CloudflareSilent as error:
            raise RegistryError(f"the edge was not told what is withdrawn: {error}") from None
