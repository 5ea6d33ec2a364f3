"""The metadata API's feed of recent revocations and withdrawals, independent of cloud and database.

The response contains the document of contract/revocations.py. The edge's cache keeps the document for a lifetime of
seconds, so that each PoP requests it at most once in this time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from contract.revocations import (
    LIFETIME_SECONDS,
    PARTITION,
    WINDOW_SECONDS,
    Document,
    MalformedChange,
    decode_change,
    feed_document,
    first_name,
)
from workers.entitlements.protocol import Answer, Database, DatabaseUnavailable, refusal

# How long an instance reuses a document that it has read, so that the number of reads does not grow with the number of
# PoPs.
REUSED_SECONDS = 0.5

# If the API fails, the edge's cache may serve a stale document, which still contains revocations that the key-value
# store may not show yet. The edge computes the age of a document from the time in it.
_CACHING = f"public, max-age={LIFETIME_SECONDS}, stale-if-error={WINDOW_SECONDS}"
_log = logging.getLogger(__name__)


class RevocationsFeed:
    """Answers requests for the feed in one instance of the metadata API. Several threads may call `answer` at once, but
    only one of them reads the database.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read = float("-inf")
        self._document = ""

    def answer(self, database: Database, now: float) -> Answer:
        """Returns the feed document. `now` is the current time in seconds since 1970."""
        try:
            with self._lock:
                if now - self._read > REUSED_SECONDS:
                    # The document's time is that before the read, so that the edge never assumes too low an age.
                    self._document = feed_document(_decoded(database.documents(PARTITION, first_name(now))), now)
                    self._read = now
                document = self._document
        except DatabaseUnavailable as error:
            _log.error("the metadata database does not answer: %s", error)
            return refusal(503, "the metadata database does not answer", {"retry-after": "1"})
        return Answer(200, document, {"content-type": "application/json", "cache-control": _CACHING})


def _decoded(texts: Iterable[Any]) -> Iterator[Document]:
    for text in texts:
        try:
            yield decode_change(text)
        except MalformedChange as error:
            _log.error("a revocation or withdrawal cannot be read, and reaches the edge late: %s", error)
