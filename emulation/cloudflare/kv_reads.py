"""Answers the reads of Workers KV in the PoPs, from the copies that PoPs keep of values that they have read.

Other places may see a change only after a minute or more, because each place caches what it has read, also that a key
does not exist. The document names no upper bound (developers.cloudflare.com/kv/concepts/how-kv-works, "Consistency").
Tests set how long copies stay; without a setting, each change is visible at once.
"""

from __future__ import annotations

import threading

from flask import Blueprint, Response

from emulation.cloudflare.envelope import ApiError, body, success, take
from emulation.state_store import Entry, StateStore

PATH = "/_artifact-edge/kv"

_Place = tuple[str, str, str]  # PoP, namespace, key


class KvReads:
    """The copies of Workers KV's values in all PoPs. A copy is used for `stale_seconds` after the PoP has made it."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._stale_seconds = 0.0
        self._lock = threading.Lock()
        self._copies: dict[_Place, tuple[Entry | None, float]] = {}

    def hold(self, stale_seconds: float) -> None:
        """Sets how long the PoPs use a copy, and removes all copies."""
        with self._lock:
            self._stale_seconds = stale_seconds
            self._copies.clear()

    def read(self, pop: str, namespace: str, key: str) -> Entry | None:
        """Returns what a PoP reads at a key: its copy, or the current value if the PoP has no usable copy."""
        with self._lock:
            now = self._store.now()
            entry, made = self._copies.get((pop, namespace, key), (None, float("-inf")))
            if now - made >= self._stale_seconds:
                entry = self._store.read(namespace, key)
                self._copies[pop, namespace, key] = entry, now
            return entry

    def forget(self, pop: str, namespace: str, key: str) -> None:
        """Removes a PoP's copy. A write is usually visible at once in the PoP that makes the write."""
        with self._lock:
            self._copies.pop((pop, namespace, key), None)


def control(reads: KvReads) -> Blueprint:
    """Returns the endpoint that sets the staleness: PUT {"stale_seconds": 90}. No real API has this endpoint."""
    blueprint = Blueprint("kv_reads", __name__)

    @blueprint.put(PATH)
    def hold() -> Response:
        seconds = take(body(), required=["stale_seconds"])["stale_seconds"]
        if not isinstance(seconds, int | float) or seconds < 0:
            raise ApiError(400, 10001, f"stale_seconds is {seconds!r}; it must be a number of seconds from 0 on")
        reads.hold(seconds)
        return success(None)

    return blueprint
