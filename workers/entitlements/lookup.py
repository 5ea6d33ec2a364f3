"""Looks up client tokens for the edge. The module works with any cloud and any database. Its only I/O is through the
functions in its arguments.

The HTTP status of an answer is 200 with the token's entry, in the form that the edge's Workers KV namespace stores. The
status is 404 if no such token exists, and 429 if the edge exceeds the rate limit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from contract.tokens import MalformedRecord, Record, encode_entry
from workers.entitlements.protocol import Answer, DatabaseUnavailable, refusal

NEGATIVE_SECONDS = 2.0
# The limits of one instance of the metadata API: look-ups per second on average (RATE), and look-ups at the same time
# (BURST).
RATE, BURST = 100.0, 200.0
_NEGATIVE_ENTRIES = 10_000

_log = logging.getLogger(__name__)

# A function that returns the record of the token with the given digest, or None if no such token exists. The function
# raises MalformedRecord for an invalid record, and DatabaseUnavailable if the database does not answer.
Find = Callable[[str], Record | None]


class TokenBucket:
    """A token bucket. It permits `rate` calls per second on average, and up to `burst` calls at the same time."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._level, self._at = burst, 0.0

    def take(self, now: float) -> bool:
        self._level = min(self._burst, self._level + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class Lookups:
    """The state of one instance of the metadata API: its rate limit, and the token digests that it recently did not
    find.
    """

    def __init__(self, bucket: TokenBucket | None = None) -> None:
        self._bucket = bucket or TokenBucket(RATE, BURST)
        self._negative: dict[str, float] = {}

    def answer(self, digest: str, find: Find, now: float) -> Answer:
        """Answers a look-up of a token. `find` looks up the token's digest, and `now` is in seconds since 1970."""
        if self._negative.get(digest, 0) > now:
            return refusal(404, "no such token")
        if not self._bucket.take(now):
            return refusal(429, "too many look-ups", {"retry-after": "1"})
        try:
            record = find(digest)
        except DatabaseUnavailable as error:
            _log.error("the metadata database does not answer: %s", error)
            return refusal(503, "the metadata database does not answer", {"retry-after": "1"})
        except MalformedRecord as error:
            _log.error("a token's record cannot be read: %s", error)
            record = None
        if record is None or record.kept_until <= now:
            if len(self._negative) >= _NEGATIVE_ENTRIES:
                self._negative.clear()
            self._negative[digest] = now + NEGATIVE_SECONDS
            return refusal(404, "no such token")
        return Answer(200, encode_entry(record), {"content-type": "application/json"})
