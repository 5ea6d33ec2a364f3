"""Reads and writes the token entries in Workers KV. The edge worker reads clients' grants from these entries.

Each entry contains the version number of the token's metadata record. All requests are bulk reads and bulk writes,
because Cloudflare's API accepts only 1,200 requests in five minutes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from contract.entitlements import newest, to_write
from contract.tokens import KEY_PREFIX, Record, kv_pair
from registry.cloudflare.api import CloudflareApi, CloudflareUnavailable

# The maximum number of keys in a bulk read of Workers KV (developers.cloudflare.com/api, "Get multiple KV pairs").
READ_AT_ONCE = 100
# The maximum number of token entries that the registry puts into one bulk write to Workers KV. Cloudflare accepts up to
# 10,000 entries. The smaller number keeps each request small.
_WRITTEN_AT_ONCE = 1_000


class TokenEntries:
    """Reads and writes the token entries in one namespace of Workers KV. The API token of `api` must have the
    permission to edit the namespace.

    All methods raise CloudflareError if Cloudflare refuses a request or does not answer.
    """

    def __init__(self, api: CloudflareApi, account_id: str, namespace_id: str) -> None:
        self._api = api
        self._path = f"/accounts/{account_id}/storage/kv/namespaces/{namespace_id}"

    def keys(self) -> Iterator[str]:
        """Yields the keys of all token entries in the Workers KV namespace."""
        return (listed["name"] for listed in self._api.listed(f"{self._path}/keys", {"prefix": KEY_PREFIX}))

    def read(self, keys: Iterable[str]) -> Mapping[str, str]:
        """Returns a mapping from the given keys to their token entries in Workers KV. Leaves out keys that have no
        entry.
        """
        wanted, found = list(keys), dict[str, str]()
        for start in range(0, len(wanted), READ_AT_ONCE):
            body = {"keys": wanted[start : start + READ_AT_ONCE], "type": "text"}
            values: Mapping[str, str | None] = self._api.ask("POST", f"{self._path}/bulk/get", body)["values"]
            found |= {key: value for key, value in values.items() if value is not None}
        return found

    def update(self, records: Iterable[Record]) -> list[Record]:
        """Writes token records to Workers KV. Skips a record if Workers KV already has a newer entry for the token.
        Returns the written records.
        """
        latest, now = list(newest(records).values()), time.time()
        written: list[Record] = []
        for start in range(0, len(latest), READ_AT_ONCE):
            some = latest[start : start + READ_AT_ONCE]
            written += to_write(some, self.read(sorted(record.key for record in some)), now)
        self.overwrite(written, now)
        return written

    def overwrite(self, records: Sequence[Record], now: float) -> None:
        """Writes all given token records to Workers KV, and also replaces newer entries. `now` is the time in seconds
        since 1970.
        """
        for start in range(0, len(records), _WRITTEN_AT_ONCE):
            pairs = [kv_pair(record, now) for record in records[start : start + _WRITTEN_AT_ONCE]]
            answer: Mapping[str, Any] = self._api.ask("PUT", f"{self._path}/bulk", pairs) or {}
            refused: Sequence[str] = answer.get("unsuccessful_keys") or ()
            if refused:
                raise CloudflareUnavailable(f"Workers KV did not take {len(refused)} of {len(pairs)} entries")
