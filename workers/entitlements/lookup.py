"""The metadata API's answers, independent of cloud and database. The module does no I/O except through its arguments.

    POST /   {"digest": "<sha256 hex>"}
    x-artifact-edge-signature: t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>", hex>

The status is 200 with the entry as the edge's store would hold it, or 404 if there is no such token. It is 403 for an
invalid signature, 400 without a digest, and 429 above the rate limit. It is 503 if the database does not answer. The
digest is in the body, because URLs are often logged.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from contract.tokens import MalformedRecord, Record, encode_entry

SIGNATURE_HEADER = "x-artifact-edge-signature"
SIGNATURE_SECONDS = 60  # how long a signature is valid, including differences between clocks
NEGATIVE_SECONDS = 2.0
RATE, BURST = 100.0, 200.0  # look-ups per second and instance; the deployment limits the number of instances
_NEGATIVE_ENTRIES = 10_000

_SIGNATURE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")
_log = logging.getLogger(__name__)

# A function that returns the record of a digest, or None if there is none. Raises MalformedRecord, DatabaseUnavailable.
Find = Callable[[str], Record | None]


class DatabaseUnavailable(Exception):
    """Raised when the metadata database does not answer. The message does not contain the token's digest."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "text/plain"})


class TokenBucket:
    """A token bucket that limits calls to `rate` per second on average, and `burst` at once."""

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
    """The state of one instance of the metadata API: its rate limit, and the digests that it recently did not find."""

    def __init__(self, bucket: TokenBucket | None = None) -> None:
        self._bucket = bucket or TokenBucket(RATE, BURST)
        self._negative: dict[str, float] = {}

    def answer(self, signature: str, body: str, key: str, find: Find, now: float) -> Answer:
        """Answers one request of the edge. `find` looks up a digest, `key` verifies the signature, and `now` is in
        seconds since 1970."""
        if not signed(signature, body, key, now):
            return _refusal(403, "not signed by the edge")
        digest = _digest(body)
        if digest is None:
            return _refusal(400, "no digest")
        if self._negative.get(digest, 0) > now:
            return _refusal(404, "no such token")
        if not self._bucket.take(now):
            return _refusal(429, "too many look-ups", {"retry-after": "1"})
        return self._found(digest, find, now)

    def _found(self, digest: str, find: Find, now: float) -> Answer:
        try:
            record = find(digest)
        except DatabaseUnavailable as error:
            _log.error("the metadata database does not answer: %s", error)
            return _refusal(503, "the metadata database does not answer", {"retry-after": "1"})
        except MalformedRecord as error:
            _log.error("a token's record cannot be read: %s", error)
            record = None
        if record is None or record.kept_until <= now:
            if len(self._negative) >= _NEGATIVE_ENTRIES:
                self._negative.clear()
            self._negative[digest] = now + NEGATIVE_SECONDS
            return _refusal(404, "no such token")
        return Answer(200, encode_entry(record), {"content-type": "application/json"})


def signed(signature: str, body: str, key: str, now: float) -> bool:
    """Returns whether the signature was made with the key for this body, at most SIGNATURE_SECONDS before or after
    `now`."""
    found = _SIGNATURE.fullmatch(signature)
    if found is None or abs(now - int(found[1])) > SIGNATURE_SECONDS:
        return False
    expected = hmac.new(key.encode(), f"{found[1]}.{body}".encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, found[2])


def _digest(body: str) -> str | None:
    try:
        given: Any = json.loads(body)
    except ValueError:
        return None
    digest = cast(Mapping[str, Any], given).get("digest") if isinstance(given, dict) else None
    return digest if isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest) else None


def _refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, f"{message}\n", {"content-type": "text/plain", **(headers or {})})
