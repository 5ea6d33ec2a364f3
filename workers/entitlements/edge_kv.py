"""The edge's key-value store, through Cloudflare's API: in bulk, as it takes 1,200 requests in 5 minutes.

urllib3 comes with Lambda's runtime; Cloudflare's SDK would have to be packed, with a dozen packages of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import urllib3

from workers.entitlements.core import Record, entry, expiration, newest, to_write

READ_AT_ONCE = 100  # keys in a bulk read (developers.cloudflare.com/api, "Get multiple KV pairs")
_TIMEOUT = urllib3.Timeout(connect=3, read=10)
_PUBLIC_API = "https://api.cloudflare.com/client/v4"


class EdgeUnreachable(Exception):
    """The store did not do what was asked; trying again may help. The message tells no key."""


class EdgeKv:
    """One namespace. `token` is an API token that may edit Workers KV of the account."""

    def __init__(self, account_id: str, namespace_id: str, token: str, api: str = "") -> None:
        self._url = f"{api or _PUBLIC_API}/accounts/{account_id}/storage/kv/namespaces/{namespace_id}"
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

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
            answer: Any = cast(Any, self._pool).request(
                method, self._url + path, body=json.dumps(body), headers=self._headers
            )
        except urllib3.exceptions.HTTPError as error:
            raise EdgeUnreachable(f"Workers KV does not answer: {type(error).__name__}") from None
        if answer.status != 200:
            raise EdgeUnreachable(f"Workers KV answers {answer.status} to {method} {path}")
        try:
            return json.loads(answer.data)["result"]
        except (ValueError, KeyError):
            raise EdgeUnreachable(f"Workers KV answers {method} {path} with what is no result") from None
