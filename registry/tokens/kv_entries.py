"""The edge's key-value store of tokens, as operators write it: in bulk, each entry with the version of its record."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from cloudflare import APIError

from contract.entitlements import Record, entry, expiration, to_write
from registry.target import Target

PREFIX = "token:"
_READ_AT_ONCE = 100  # (developers.cloudflare.com/api, "Get multiple KV pairs")
_WRITTEN_AT_ONCE = 1_000  # of 10,000, so that a request stays small


class EdgeSilent(Exception):
    """The store could not be read or written; the message is one line."""


class EdgeEntries:
    """Those of one stack. All methods raise EdgeSilent."""

    def __init__(self, target: Target) -> None:
        self._namespaces = target.cloudflare().kv.namespaces
        self._account = target.entitlements.account_id
        self._namespace = target.entitlements.namespace_id

    def keys(self) -> Iterator[str]:
        """Of all entries, in pages of 1,000."""
        try:
            listed = self._namespaces.keys.list(self._namespace, account_id=self._account, prefix=PREFIX)
            for key in listed:
                yield key.name
        except APIError as error:
            raise EdgeSilent(error.message) from error

    def read(self, keys: Iterable[str]) -> Mapping[str, str]:
        """Entries by key; those that do not exist are left out."""
        wanted, found = list(keys), dict[str, str]()
        for start in range(0, len(wanted), _READ_AT_ONCE):
            some = wanted[start : start + _READ_AT_ONCE]
            try:
                answer: Any = self._namespaces.bulk_get(
                    self._namespace, account_id=self._account, keys=some, type="text"
                )
            except APIError as error:
                raise EdgeSilent(error.message) from error
            values = cast(Mapping[str, Any], answer.values or {})
            found |= {key: value for key, value in values.items() if isinstance(value, str)}
        return found

    def write(self, records: Sequence[Record]) -> None:
        """Those that are not older than what the edge has."""
        now = time.time()
        self.overwrite(to_write(records, self.read(record.key for record in records), now), now)

    def overwrite(self, records: Sequence[Record], now: float) -> None:
        """All of them, whatever the edge has."""
        for start in range(0, len(records), _WRITTEN_AT_ONCE):
            pairs: list[Any] = [
                {"key": record.key, "value": entry(record), "expiration": expiration(record, now)}
                for record in records[start : start + _WRITTEN_AT_ONCE]
            ]
            try:
                answer = self._namespaces.bulk_update(self._namespace, account_id=self._account, body=pairs)
            except APIError as error:
                raise EdgeSilent(error.message) from error
            if answer is not None and answer.unsuccessful_keys:
                raise EdgeSilent(f"{len(answer.unsuccessful_keys)} of {len(pairs)} entries were not taken")
