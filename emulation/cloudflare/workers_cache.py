"""Emulates purges of Workers Cache by cache tag. Records the tags of cached responses, and limits the rate at which
worker scripts may purge.

Sources: developers.cloudflare.com/workers/cache, "Purging the cache" and "Limitations" (all accounts have the limits of
the Free plan); cache/how-to/purge-cache, "Availability and limits"; Cloudflare's API reference, "Purge cached content".
"""

from __future__ import annotations

import hmac
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Flask, Response, jsonify, request

from emulation.cloudflare.kv_service import SECRET_HEADER
from emulation.state_store import Entry, StateStore

CACHE_HEADER = "X-Edge-Cache"
REQUESTS_PER_MINUTE, REQUESTS_AT_ONCE, TAGS_AT_ONCE = 5, 25, 100
RATE_LIMITED, INVALID = 1134, 1012
_MOST_TAGS = 1000  # The maximum number of tags that Workers Cache records for one response.
_TAG = re.compile(r"[!-~]{1,1024}", re.ASCII)
_ALL = 1_000_000

Result = Mapping[str, Any]


class WorkersCache:
    """Records the tags of responses in Workers Cache, and purges responses by tag within the account's rate limit.

    `remove` is a function that removes responses from the caches of all PoPs. Its argument is a list of the responses'
    paths. Each path begins with the name and version of the script and the name of the entrypoint.
    """

    def __init__(self, store: StateStore, remove: Callable[[Sequence[str]], None]) -> None:
        self._store = store
        self._remove = remove
        self._lock = threading.Lock()
        self._level, self._at = float(REQUESTS_AT_ONCE), store.now()

    def add(self, cache: str, path: str, tags: Sequence[str]) -> None:
        """Records the cache tags of a response in Workers Cache. Invalid tags are left out, because Cloudflare ignores
        them.
        """
        valid = [tag.lower() for tag in tags if _TAG.fullmatch(tag)][:_MOST_TAGS]
        self._store.write(_namespace(cache), *(Entry(f"{tag} {path}", b"") for tag in valid))

    def purge(self, cache: str, tags: Sequence[str]) -> Result:
        """Removes the cached responses of one entrypoint that have at least one of `tags`. `cache` is the common prefix
        of the paths of these responses. It contains the name and version of the script, and the name of the entrypoint.

        Returns the result that `ctx.cache.purge()` returns to a worker script.
        """
        if not 1 <= len(tags) <= TAGS_AT_ONCE:
            return _failed(INVALID, f"tags must be a list of 1 to {TAGS_AT_ONCE} tags")
        if not self._take():
            return _failed(RATE_LIMITED, "Unable to purge, rate limit reached. Please wait before the next request")
        namespace = _namespace(cache)
        found = [
            entry.key
            for tag in dict.fromkeys(tag.lower() for tag in tags)
            for entry in self._store.entries(namespace, prefix=f"{tag} ", after=f"{tag} ", limit=_ALL)
        ]
        self._remove(list(dict.fromkeys(cache + key.partition(" ")[2] for key in found)))
        self._store.erase(namespace, *found)
        return {"success": True, "errors": []}

    def _take(self) -> bool:
        """Takes a token from the token bucket that limits the rate of purges. Returns False if the bucket is empty."""
        with self._lock:
            now = self._store.now()
            self._level = min(REQUESTS_AT_ONCE, self._level + (now - self._at) * REQUESTS_PER_MINUTE / 60)
            self._at = now
            if self._level < 1:
                return False
            self._level -= 1
            return True


def create_service(cache: WorkersCache, secret: str) -> Flask:
    """Returns a WSGI application for PoPs. PoPs report the cache tags of responses to the application, and ask it to
    purge tags.

    Each request must contain `secret` in the header X-Edge-Secret.
    """
    service = Flask(__name__)

    @service.before_request
    def authenticate() -> tuple[str, int] | None:
        known = hmac.compare_digest(request.headers.get(SECRET_HEADER, ""), secret)
        return None if known else ("not a PoP of this network", 403)

    @service.post("/tags")
    def add() -> Response:
        given = json.loads(request.get_data())
        cache.add(given["cache"], given["path"], given["tags"])
        return Response()

    @service.post("/purge")
    def purge() -> Response:
        given = json.loads(request.get_data())
        if set(given) != {"cache", "tags"}:
            return Response("not emulated: purges of Workers Cache other than by tag", 501)
        return jsonify(cache.purge(given["cache"], given["tags"]))

    return service


def _namespace(cache: str) -> str:
    return f"cache-tags:{cache}"


def _failed(code: int, message: str) -> Result:
    return {"success": False, "errors": [{"code": code, "message": message}]}
