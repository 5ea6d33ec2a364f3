"""The protocol between the edge and the metadata API: requests and answers. It is the same for all clouds and
databases.

    POST /   {"digest": "<sha256 hex>"}        a look-up of a token (lookup.py)
    POST /   {"feed": "<name>"}                a feed (revocations.py, policies.py)
    x-artifact-edge-signature: t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>", hex>

The status is 403 for an invalid signature, and 400 for a body in any other form. The status is 503 if the database does
not answer. The digest is in the body, because URLs are often logged.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from contract.tokens import Record

SIGNATURE_HEADER = "x-artifact-edge-signature"
# The maximum difference in seconds between the timestamp of a signature and the clock of the server that checks it.
SIGNATURE_SECONDS = 60

_SIGNATURE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


class DatabaseUnavailable(Exception):
    """Raised when the metadata database does not answer. The error's message does not contain the digest of the
    client's token."""


class Database(Protocol):
    """The database operations that the metadata API uses. Each read sees all earlier commits. All methods raise
    DatabaseUnavailable if the database does not answer.
    """

    def token(self, digest: str) -> Record | None:
        """Returns the record of the token with this digest, or None if no such token exists. Raises MalformedRecord for
        an invalid record.
        """
        ...

    def documents(self, partition: str, after: str) -> Iterable[Any]:
        """Returns items of one partition of the database table, as JSON strings. Returns only items whose names sort
        after `after`.
        """
        ...


@dataclass(frozen=True)
class Answer:
    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "text/plain"})


def refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, f"{message}\n", {"content-type": "text/plain", **(headers or {})})


def signed(signature: str, body: str, key: str, now: float) -> bool:
    """Returns whether `signature` is a valid signature of the string `body` by the key `key`, made at about the time
    `now`. The signature's timestamp may differ from `now` by at most SIGNATURE_SECONDS.
    """
    found = _SIGNATURE.fullmatch(signature)
    if found is None or abs(now - int(found[1])) > SIGNATURE_SECONDS:
        return False
    expected = hmac.new(key.encode(), f"{found[1]}.{body}".encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, found[2])


def fields(body: str) -> Mapping[str, Any]:
    """Returns the fields of a JSON request body. The result is empty if the body is not a JSON object."""
    try:
        given: Any = json.loads(body)
    except ValueError:
        return {}
    return cast(Mapping[str, Any], given) if isinstance(given, dict) else {}
