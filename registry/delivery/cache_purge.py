"""The edge network as operators tell it of changes: through Cloudflare's SDK."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloudflare import APIError, Cloudflare

from registry import RegistryError
from registry.delivery.purge import WITHDRAWN, PurgeError, purged_at_once, withdrawn_entry


@dataclass(frozen=True)
class CloudflareEdge:
    """`shields` are names and ports; `zone` is the domain, and the token must be able to see it."""

    client: Cloudflare
    zone: str
    account_id: str
    namespace_id: str
    shields: Sequence[str]

    def purge(self, keys: Sequence[str]) -> None:
        try:
            zone = self._zone()
            for urls in purged_at_once(self.shields, keys):
                self.client.cache.purge(zone_id=zone, files=urls)
        except APIError as error:
            raise PurgeError(f"the edge was not purged: {error.message}") from error

    def refuse(self, keys: Sequence[str]) -> None:
        try:
            self.client.kv.namespaces.values.update(
                WITHDRAWN, account_id=self.account_id, namespace_id=self.namespace_id, value=withdrawn_entry(keys)
            )
        except APIError as error:
            raise RegistryError(f"the edge was not told what is withdrawn: {error.message}") from error

    def _zone(self) -> str:
        for zone in self.client.zones.list(name=self.zone):
            return zone.id
        raise PurgeError(f"the edge was not purged: the API token sees no zone {self.zone!r}; let it read zones")
