"""Lambda function behind a function URL: what the metadata database has of a token of which the edge has no entry.

    POST /   {"digest": "<sha256 hex>"}
    x-artifact-edge-signature: t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>", hex>

200 with the entry as the edge's store would hold it, 404 where no such token is on record, 403 if the signature is not
good, 429 past the rate, 503 when the database does not answer. The digest is in the body, as URLs end up in logs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import re
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from workers.cloud import client, read_secret, setting
from workers.entitlements.core import PARTITION, MalformedRecord, entry, read_image

SIGNATURE_HEADER = "x-artifact-edge-signature"
SIGNATURE_SECONDS = 60  # a signature's life, and how far the edge's clock may be off
NEGATIVE_SECONDS = 2.0
RATE, BURST = 100.0, 200.0  # look-ups a second, of one instance; the function's concurrency bounds the instances
_REMEMBERED = 10_000

_SIGNATURE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")
_log = logging.getLogger(__name__)

Answer = dict[str, Any]


class Bucket:
    """A token bucket: `rate` a second on average, `burst` at once."""

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


_bucket = Bucket(RATE, BURST)
_negative: dict[str, float] = {}


def handler(event: Mapping[str, Any], context: object) -> Answer:
    """A request in payload format 2.0 (AWS Lambda, "Invoking Lambda function URLs")."""
    text = event.get("body") or ""
    body = base64.b64decode(text).decode(errors="replace") if event.get("isBase64Encoded") else text
    now = time.time()
    if not signed(event["headers"].get(SIGNATURE_HEADER, ""), body, _key(), now):
        return _answer(403, "not signed by the edge")
    digest = _digest(body)
    if digest is None:
        return _answer(400, "no digest")
    if _negative.get(digest, 0) > now:
        return _answer(404, "no such token")
    if not _bucket.take(now):
        return _answer(429, "too many look-ups", {"retry-after": "1"})
    return _look_up(digest, now)


def signed(signature: str, body: str, key: str, now: float) -> bool:
    """Whether who has the key signed this body within the last minute."""
    found = _SIGNATURE.fullmatch(signature)
    if found is None or abs(now - int(found[1])) > SIGNATURE_SECONDS:
        return False
    expected = hmac.new(key.encode(), f"{found[1]}.{body}".encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, found[2])


def _look_up(digest: str, now: float) -> Answer:
    try:
        found = _table().get_item(
            TableName=setting("TABLE"), Key={"pk": {"S": PARTITION}, "sk": {"S": digest}}, ConsistentRead=True
        )
        record = read_image(found["Item"]) if "Item" in found else None
    except (BotoCoreError, ClientError) as error:
        _log.error("the metadata table does not answer: %s", type(error).__name__)
        return _answer(503, "the metadata table does not answer", {"retry-after": "1"})
    except MalformedRecord as error:
        _log.error("a token's record cannot be read: %s", error)
        record = None
    if record is None or record.kept_until <= now:
        if len(_negative) >= _REMEMBERED:
            _negative.clear()
        _negative[digest] = now + NEGATIVE_SECONDS
        return _answer(404, "no such token")
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": entry(record)}


def _digest(body: str) -> str | None:
    try:
        given: Any = json.loads(body)
    except ValueError:
        return None
    digest = cast(Mapping[str, Any], given).get("digest") if isinstance(given, dict) else None
    return digest if isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest) else None


def _answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    return {"statusCode": status, "headers": {"content-type": "text/plain", **(headers or {})}, "body": f"{message}\n"}


@cache
def _key() -> str:
    return read_secret("key")


@cache
def _table() -> Any:
    return client("dynamodb")
