"""The metadata API's feed of edge policies and of data sets of advisories (contract/edge_policies.py)."""

from __future__ import annotations

import json

from contract.edge_policies import BEFORE, PARTITION, feed_document
from workers.entitlements.feed import Feed
from workers.entitlements.protocol import Database

# If the metadata API fails, the edge may use its copy of the policy feed for this number of seconds. An outdated policy
# is better than none, so this time is a day. It does not affect revocations of tokens, which are in a separate feed.
_USABLE_SECONDS = 86_400


def policies_feed() -> Feed:
    """Returns a new feed of edge policies and advisory data sets. Each instance of the metadata API has its own feed
    object.
    """
    return Feed(_document, _USABLE_SECONDS)


def _document(database: Database, now: float) -> str:
    return feed_document([json.loads(item) for item in database.documents(PARTITION, BEFORE)], now)
