"""What a token's records come to at the edge. Nothing here touches a cloud.

Each record carries a version that only grows (registry/metadata). The edge keeps the version with its entry, and an
entry never gives way to an earlier one: so records may come late, twice or in any order, and the edge ends up the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

# The partition of the metadata database; an item's name in it is the token's SHA-256, in hex.
PARTITION = "tokens"

# The start of the keys in Workers KV; a digest follows.
KEY_PREFIX = "token:"

FORMAT = 1  # of an entry; the edge worker reads no other (workers/edge/src/tokens.ts)
SHORTEST_LIFE = 60
"""Seconds that Workers KV keeps an entry at least (developers.cloudflare.com/kv/api/write-key-value-pairs)."""

_DIGEST = re.compile(r"[0-9a-f]{64}")

Image = Mapping[str, Mapping[str, Any]]
"""An item in DynamoDB's JSON, such as {"sk": {"S": "…"}}."""


class MalformedRecord(Exception):
    """A record that cannot be understood, now or later; the message holds nothing of the record."""


@dataclass(frozen=True)
class Entitlement:
    """What a token is good for until `expires` (seconds since 1970, UTC)."""

    principal: str
    grants: tuple[str, ...]
    expires: int


@dataclass(frozen=True)
class Record:
    """A token at one version; `entitlement` is None where it is revoked.

    `kept_until` (seconds since 1970, UTC) is the same in all versions of a token, and no version of it is valid after.
    """

    digest: str
    version: int
    kept_until: int
    entitlement: Entitlement | None

    @property
    def key(self) -> str:
        """Of the edge's entry."""
        return f"{KEY_PREFIX}{self.digest}"


def read_document(digest: str, version: int, kept_until: int | None, document: Mapping[str, Any]) -> Record:
    """The record of a metadata item. Raises MalformedRecord."""
    if not _DIGEST.fullmatch(digest) or version < 0 or not isinstance(kept_until, int):
        raise MalformedRecord("the item's name is no digest, or it has no version or no expiry")
    if document.get("revoked"):
        return Record(digest, version, kept_until, None)
    principal, expires, grants = document.get("principal"), document.get("expires"), document.get("grants")
    if not isinstance(principal, str) or not isinstance(expires, int) or not isinstance(grants, list):
        raise MalformedRecord("the document lacks principal, expires or grants")
    texts = tuple(grant for grant in cast(list[Any], grants) if isinstance(grant, str))
    if len(texts) != len(cast(list[Any], grants)):
        raise MalformedRecord("a grant is no text")
    return Record(digest, version, kept_until, Entitlement(principal, texts, expires))


def read_image(image: Image) -> Record:
    """The record of an item as DynamoDB has it. Raises MalformedRecord."""
    try:
        document: Any = json.loads(image["document"]["S"])
        version, kept_until = int(image["version"]["N"]), int(image["expires"]["N"])
        digest: str = image["sk"]["S"]
    except (KeyError, TypeError, ValueError):
        raise MalformedRecord("the item lacks sk, document, version or expires, or one cannot be read") from None
    if not isinstance(document, dict):
        raise MalformedRecord("the document is no JSON object")
    return read_document(digest, version, kept_until, cast(Mapping[str, Any], document))


def read_change(change: Mapping[str, Any]) -> Record:
    """The record that a change of the stream tells of. A deleted item is a revoked token. Raises MalformedRecord."""
    images = cast(Mapping[str, Image], change.get("dynamodb", {}))
    if "NewImage" in images:
        return read_image(images["NewImage"])
    if "OldImage" not in images:
        raise MalformedRecord("the change has no image")
    last = read_image(images["OldImage"])
    return Record(last.digest, last.version + 1, last.kept_until, None)


def newest(records: Iterable[Record]) -> dict[str, Record]:
    """The latest of each token, by key."""
    latest: dict[str, Record] = {}
    for record in records:
        if record.key not in latest or latest[record.key].version < record.version:
            latest[record.key] = record
    return latest


def to_write(records: Iterable[Record], held: Mapping[str, str], now: float) -> list[Record]:
    """Those that the edge must be told of, where it holds the entries `held` (values by key).

    One that it holds already is among them: what it said may be from a cache, and older than what it holds. What nobody
    could use any more is left to expire.
    """
    return [
        record
        for key, record in newest(records).items()
        if record.kept_until > now and version_of(held.get(key)) <= record.version
    ]


def version_of(entry: str | None) -> int:
    """Of the record that the edge's entry was made from; -1 where there is no entry, or none that can be read."""
    try:
        version = json.loads(entry or "null")["revision"]
    except (ValueError, TypeError, KeyError):
        return -1
    return version if isinstance(version, int) else -1


def entry(record: Record) -> str:
    """What the edge worker reads of a token (docs/architecture.md, "Tokens and grants"); always the same text."""
    known: dict[str, Any] = {"version": FORMAT, "revision": record.version}
    if record.entitlement is None:
        known["revoked"] = True
    else:
        known["principal"] = record.entitlement.principal
        known["expires"] = record.entitlement.expires
        known["grants"] = list(record.entitlement.grants)
    return json.dumps(known, separators=(",", ":"))


def expiration(record: Record, now: float) -> int:
    """When the edge may forget the entry, in seconds since 1970. A revoked one is remembered as long as any version of
    the token was good, so that none of them, arriving late, finds no entry and is believed."""
    return max(record.kept_until, int(now) + SHORTEST_LIFE + 5)
