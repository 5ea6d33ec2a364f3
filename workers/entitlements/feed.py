"""A feed of the metadata API: a small document that the edge reads every few seconds. The module does not depend on the
cloud or the database.

The edge's cache keeps the document for a few seconds. Each PoP therefore requests the document at most once in this
time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from contract.revocations import LIFETIME_SECONDS
from workers.entitlements.protocol import Answer, Database, DatabaseUnavailable, refusal

# For this number of seconds, an instance of the metadata API answers with the feed document that it read last. If each
# request read the database, the number of reads would grow with the number of PoPs.
REUSED_SECONDS = 0.5

_log = logging.getLogger(__name__)


class Feed:
    """Answers requests for one feed in one instance of the metadata API. Several threads may call `answer` at once, but
    only one of them reads the database.

    `render` reads the database and returns the document. Its second argument is the time just before the read. The
    document contains this time, so the edge knows how old the content is. If the API fails, the edge's cache may serve
    a stale document for `usable` seconds.
    """

    def __init__(self, render: Callable[[Database, float], str], usable: int) -> None:
        self._render = render
        self._caching = f"public, max-age={LIFETIME_SECONDS}, stale-if-error={usable}"
        self._lock = threading.Lock()
        self._read = float("-inf")
        self._document = ""

    def answer(self, database: Database, now: float) -> Answer:
        """Answers a request for the feed. `now` is the current time in seconds since 1970."""
        try:
            with self._lock:
                # A time before the read means that the clock was set back, or that the request waited for the lock. No
                # request that the edge still waits for has waited longer than the lifetime of a document.
                if not -LIFETIME_SECONDS <= now - self._read <= REUSED_SECONDS:
                    self._document = self._render(database, now)
                    self._read = now
                document = self._document
        except DatabaseUnavailable as error:
            _log.error("the metadata database does not answer: %s", error)
            return refusal(503, "the metadata database does not answer", {"retry-after": "1"})
        return Answer(200, document, {"content-type": "application/json", "cache-control": self._caching})
