"""Answers the edge's requests to the metadata API (protocol.py). The module works with any cloud and any database."""

from __future__ import annotations

import re

from contract import edge_policies, revocations
from workers.entitlements.lookup import Lookups
from workers.entitlements.policies import policies_feed
from workers.entitlements.protocol import Answer, Database, fields, refusal, signed
from workers.entitlements.revocations import revocations_feed


class Endpoint:
    """Answers requests to one instance of the metadata API. Holds the state of the instance's rate limit, and the feed
    documents that the instance has read.
    """

    def __init__(self, lookups: Lookups | None = None) -> None:
        self._lookups = lookups or Lookups()
        self._feeds = {revocations.FEED: revocations_feed(), edge_policies.FEED: policies_feed()}

    def answer(self, signature: str, body: str, key: str, database: Database, now: float) -> Answer:
        """Answers one request of the edge. `key` verifies the request's `signature`, and `now` is in seconds since
        1970.
        """
        if not signed(signature, body, key, now):
            return refusal(403, "not signed by the edge")
        request = fields(body)
        feed = self._feeds.get(str(request.get("feed")))
        if feed is not None:
            return feed.answer(database, now)
        digest = request.get("digest")
        if isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest):
            return self._lookups.answer(digest, database.token, now)
        return refusal(400, "neither a digest nor a known feed")
