"""The metadata API's feed of recent revocations and withdrawals (contract/revocations.py)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from contract.revocations import (
    PARTITION,
    WINDOW_SECONDS,
    Document,
    MalformedChange,
    decode_change,
    feed_document,
    first_name,
)
from workers.entitlements.feed import Feed
from workers.entitlements.protocol import Database

_log = logging.getLogger(__name__)


def revocations_feed() -> Feed:
    """Returns the object with which an instance of the metadata API serves the feed of revocations.

    If the API fails, the edge uses its last feed document for up to WINDOW_SECONDS, because this document may contain
    revocations that Workers KV still lacks. The document states the time at which the API read the database. The age of
    the document is the time since this read.
    """
    return Feed(_document, WINDOW_SECONDS)


def _document(database: Database, now: float) -> str:
    return feed_document(_decoded(database.documents(PARTITION, first_name(now))), now)


def _decoded(texts: Iterable[Any]) -> Iterator[Document]:
    for text in texts:
        try:
            yield decode_change(text)
        except MalformedChange as error:
            _log.error("a revocation or withdrawal cannot be read, and reaches the edge late: %s", error)
