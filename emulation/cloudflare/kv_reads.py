"""Emulates the eventual consistency of Workers KV. Each PoP keeps a copy of each value that it has read. It also
remembers which keys did not exist.

On Cloudflare, a write may become visible in other PoPs only after a minute or more. Cloudflare documents no upper bound
(developers.cloudflare.com/kv/concepts/how-kv-works, "Consistency"). Tests set for how long a PoP uses its copies. By
default, each write is visible in all PoPs immediately.
"""

from __future__ import annotations

import threading

from flask import Blueprint, Response

from emulation.cloudflare.envelope import ApiError, body, success, take
from emulation.state_store import Entry, StateStore

PATH = "/_artifact-edge/kv"

# What identifies a PoP's copy of a value in Workers KV: the name of the PoP, the id of the namespace, and the value's
# key.
_Place = tuple[str, str, str]


class KvReads:
    """The copies of Workers KV values in all PoPs. A PoP uses a copy for `stale_seconds` after it has read the
    value.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._stale_seconds = 0.0
        self._lock = threading.Lock()
        self._copies: dict[_Place, tuple[Entry | None, float]] = {}

    def hold(self, stale_seconds: float) -> None:
        """Sets the number of seconds for which PoPs use their copy of a Workers KV value. Also discards the current
        copies of all PoPs.
        """
        with self._lock:
            self._stale_seconds = stale_seconds
            self._copies.clear()

    def read(self, pop: str, namespace: str, key: str) -> Entry | None:
        """Returns the value of a Workers KV key as a PoP reads it: the PoP's own copy, unless the copy is missing or
        too old. In these cases, returns the current value.
        """
        with self._lock:
            now = self._store.now()
            entry, made = self._copies.get((pop, namespace, key), (None, float("-inf")))
            if now - made >= self._stale_seconds:
                entry = self._store.read(namespace, key)
                self._copies[pop, namespace, key] = entry, now
            return entry

    def forget(self, pop: str, namespace: str, key: str) -> None:
        """Removes a PoP's copy of one Workers KV value. This method is called for the PoP that writes a value, because
        a write is usually visible immediately at that PoP.
        """
        with self._lock:
            self._copies.pop((pop, namespace, key), None)


def control(reads: KvReads) -> Blueprint:
    """Returns an API endpoint for tests, which the real Cloudflare API does not have. For example, PUT of
    `{"stale_seconds": 90}` lets PoPs use their copies of Workers KV values for 90 seconds.
    """
    blueprint = Blueprint("kv_reads", __name__)

    @blueprint.put(PATH)
    def hold() -> Response:
        seconds = take(body(), required=["stale_seconds"])["stale_seconds"]
        if not isinstance(seconds, int | float) or seconds < 0:
            raise ApiError(400, 10001, f"stale_seconds is {seconds!r}; it must be a number of seconds from 0 on")
        reads.hold(seconds)
        return success(None)

    return blueprint
