"""The edge's key-value store, through Cloudflare's API: in bulk, as it takes 1,200 requests in 5 minutes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contract.entitlements import Record, entry, expiration, newest, to_write
from workers.cloudflare_api import CloudflareApi, CloudflareSilent

READ_AT_ONCE = 100  # keys in a bulk read (developers.cloudflare.com/api, "Get multiple KV pairs")


class EdgeUnreachable(Exception):
    """The store did not do what was asked; trying again may help. The message tells no key."""


class EdgeKv:
    """One namespace. `token` is an API token that may edit Workers KV of the account."""

    def __init__(self, account_id: str, namespace_id: str, token: str, api: str = "") -> None:
        self._path = f"/accounts/{account_id}/storage/kv/namespaces/{namespace_id}"
        self._api = CloudflareApi(token, api)

    def apply(self, records: Iterable[Record]) -> list[Record]:
        """Brings the edge to where the records say, and returns those that were written. Raises EdgeUnreachable."""
        pending, now = list(newest(records).values()), time.time()
        written: list[Record] = []
        for start in range(0, len(pending), READ_AT_ONCE):
            some = pending[start : start + READ_AT_ONCE]
            news = to_write(some, self._read(sorted({record.key for record in some})), now)
            if news:
                self._write(news, now)
            written += news
        return written

    def _read(self, keys: Sequence[str]) -> Mapping[str, str]:
        values: Mapping[str, str | None] = self._ask("POST", "/bulk/get", {"keys": keys, "type": "text"})["values"]
        return {key: value for key, value in values.items() if value is not None}

    def _write(self, records: Sequence[Record], now: float) -> None:
        pairs = [
            {"key": record.key, "value": entry(record), "expiration": expiration(record, now)} for record in records
        ]
        refused: Sequence[str] = self._ask("PUT", "/bulk", pairs).get("unsuccessful_keys") or ()
        if refused:
            raise EdgeUnreachable(f"Workers KV did not take {len(refused)} of {len(pairs)} entries")

    def _ask(self, method: str, path: str, body: Any) -> Mapping[str, Any]:
        try:
            return self._api.ask(method, self._path + path, body)
        except CloudflareSilent as error:
            raise EdgeUnreachable(f"Workers KV was not reached: {error}") from None
