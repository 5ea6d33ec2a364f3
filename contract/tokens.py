"""The fields of a client token, and functions that encode and decode each form in which a token is stored.

| form | encoded by | decoded by |
| --- | --- | --- |
| document in the metadata database | `encode_document` | `decode_token`, `decode_record` |
| item of DynamoDB, row of Spanner | registry/metadata, which stores any document | `decode_image`, `decode_row` |
| entry in Workers KV, answer of the metadata API | `encode_entry`, `kv_pair` | `decode_entry` |

The edge worker decodes entries, too (workers/edge/src/tokens.ts). tests/unit/contract/test_tokens.py encodes and
decodes every field in every form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

# The partition of the metadata database that holds tokens. The name of a token's item is the SHA-256 digest of the
# token, in hex.
PARTITION = "tokens"

# The keys of token entries in Workers KV begin with this prefix, and end with the token's digest.
KEY_PREFIX = "token:"

# The version of the format of token entries in Workers KV. The edge worker rejects entries in other formats
# (workers/edge/src/tokens.ts).
ENTRY_FORMAT = 1

# The shortest time in seconds after which an entry in Workers KV can expire
# (developers.cloudflare.com/kv/api/write-key-value-pairs).
SHORTEST_LIFE = 60

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ID_DIGITS = 12

# A database item in DynamoDB's JSON form, such as {"sk": {"S": "…"}}.
Image = Mapping[str, Mapping[str, Any]]


class MalformedRecord(Exception):
    """Raised when a stored token cannot be decoded. A second attempt to decode the token would fail too. The message
    contains no part of the token.
    """


@dataclass(frozen=True)
class Entitlement:
    """The part of a client token that the edge worker needs: principal, grants, and end of validity (seconds since
    1970, UTC).
    """

    principal: str
    grants: tuple[str, ...]
    expires: int


@dataclass(frozen=True)
class Token:
    """A token as the metadata database holds it. The database contains the SHA-256 digest of the token's secret value,
    and not the value itself.

    Times are in seconds since 1970 (UTC). `expires` is the end of the token's validity. `kept_until` is the time after
    which the token's record may be deleted. A change of the token never changes `kept_until`, and `expires` is never
    later than `kept_until`. `revoked` is the time of the token's revocation (ISO 8601, UTC), or empty.
    """

    digest: str
    principal: str
    grants: tuple[str, ...]
    expires: int
    kept_until: int
    revoked: str = ""

    @property
    def id(self) -> str:
        return short_id(self.digest)

    @property
    def entitlement(self) -> Entitlement:
        return Entitlement(self.principal, self.grants, self.expires)


@dataclass(frozen=True)
class Record:
    """One version of a client token's metadata record, reduced to what the edge needs. `entitlement` is None if the
    token is revoked.
    """

    digest: str
    version: int
    kept_until: int
    entitlement: Entitlement | None

    @property
    def key(self) -> str:
        """The key of the token's entry in Workers KV."""
        return f"{KEY_PREFIX}{self.digest}"


@dataclass(frozen=True)
class Entry:
    """The decoded entry of a token in Workers KV. The entry was made from a token record, and `revision` is the version
    of that record.
    """

    revision: int
    entitlement: Entitlement | None


def short_id(digest: str) -> str:
    """Returns the short id by which people refer to a token: the start of its digest."""
    return digest[:_ID_DIGITS]


def encode_document(token: Token) -> dict[str, Any]:
    """Returns the document of a token's item in the metadata database. The document omits the token's digest, which is
    the item's name, and `kept_until`, which is the item's expiry.
    """
    document = _encode_entitlement(token.entitlement)
    return {**document, "revoked": token.revoked} if token.revoked else document


def decode_token(digest: str, kept_until: int | None, document: Mapping[str, Any]) -> Token:
    """Returns the token that an item of the metadata database holds, even if the token is revoked. Raises
    MalformedRecord if the item cannot be decoded.
    """
    if not _DIGEST.fullmatch(digest) or not isinstance(kept_until, int):
        raise MalformedRecord("the item's name is no digest, or it has no expiry")
    known, revoked = _decode_entitlement(document, "the document"), document.get("revoked", "")
    if not isinstance(revoked, str):
        raise MalformedRecord("the time of the revocation is no text")
    return Token(digest, known.principal, known.grants, known.expires, kept_until, revoked)


def decode_record(digest: str, version: int, kept_until: int | None, document: Mapping[str, Any]) -> Record:
    """Returns the token record in an item of the metadata database. If the token is revoked, the function ignores the
    item's principal, grants and end of validity.

    Raises MalformedRecord if the item cannot be decoded.
    """
    if not _DIGEST.fullmatch(digest) or version < 0 or not isinstance(kept_until, int):
        raise MalformedRecord("the item's name is no digest, or it has no version or no expiry")
    revoked = bool(document.get("revoked"))
    return Record(digest, version, kept_until, None if revoked else _decode_entitlement(document, "the document"))


def decode_image(image: Image) -> Record:
    """Returns the token record in an item that has DynamoDB's JSON form. Raises MalformedRecord if the item cannot be
    decoded.
    """
    try:
        document: Any = json.loads(image["document"]["S"])
        version, kept_until = int(image["version"]["N"]), int(image["expires"]["N"])
        digest: str = image["sk"]["S"]
    except (KeyError, TypeError, ValueError):
        raise MalformedRecord("the item lacks sk, document, version or expires, or one cannot be read") from None
    return decode_record(digest, version, kept_until, _object(document))


def decode_row(digest: Any, document: Any, version: Any, expires: Any) -> Record:
    """Returns the token record in a row of Spanner's table `items`. The arguments are the columns of the row as Spanner
    represents them in JSON: numbers and times are strings.

    Raises MalformedRecord if the row cannot be decoded.
    """
    try:
        read: Any = json.loads(document)
        number, kept_until = int(version), int(datetime.fromisoformat(expires).timestamp())
    except (TypeError, ValueError):
        raise MalformedRecord("the row lacks document, version or expires, or one cannot be read") from None
    if not isinstance(digest, str):
        raise MalformedRecord("the row has no name")
    return decode_record(digest, number, kept_until, _object(read))


def encode_entry(record: Record) -> str:
    """Returns the content of a token's entry in Workers KV, in the format that the edge worker reads
    (docs/contracts.md, "Tokens and grants").

    The same record always gives the same string.
    """
    known: dict[str, Any] = {"version": ENTRY_FORMAT, "revision": record.version}
    known |= {"revoked": True} if record.entitlement is None else _encode_entitlement(record.entitlement)
    return json.dumps(known, separators=(",", ":"))


def decode_entry(text: str) -> Entry:
    """Decodes the entry of a token in Workers KV. Raises MalformedRecord if `text` is not an entry in the format
    ENTRY_FORMAT.
    """
    try:
        known = _object(json.loads(text))
    except ValueError:
        raise MalformedRecord("the entry is no JSON") from None
    revision = known.get("revision")
    if known.get("version") != ENTRY_FORMAT or not isinstance(revision, int):
        raise MalformedRecord(f"the entry is not of version {ENTRY_FORMAT}, or has no revision")
    return Entry(revision, None if known.get("revoked") else _decode_entitlement(known, "the entry"))


def version_of(entry: str | None) -> int:
    """Returns the version of the token record that an entry in Workers KV was made from.

    Returns -1 if there is no entry or the entry has no version. The other fields of the entry need not be valid.
    """
    try:
        version = json.loads(entry or "null")["revision"]
    except (ValueError, TypeError, KeyError):
        return -1
    return version if isinstance(version, int) else -1


def kv_pair(record: Record, now: float) -> dict[str, Any]:
    """Returns the entry of a token record in the form that a bulk write of Workers KV needs.

    The entry does not expire before the record's time `kept_until`, and no version of the token is valid after this
    time. The entry of a revoked token therefore stays in Workers KV for as long as an older version could be valid. If
    an older version arrives late, the entry with the revocation still exists, and the older version does not replace
    it.
    """
    expiration = max(record.kept_until, int(now) + SHORTEST_LIFE + 5)
    return {"key": record.key, "value": encode_entry(record), "expiration": expiration}


def _encode_entitlement(known: Entitlement) -> dict[str, Any]:
    return {"principal": known.principal, "expires": known.expires, "grants": list(known.grants)}


def _decode_entitlement(fields: Mapping[str, Any], where: str) -> Entitlement:
    principal, expires, grants = fields.get("principal"), fields.get("expires"), fields.get("grants")
    if not isinstance(principal, str) or not isinstance(expires, int) or not isinstance(grants, list):
        raise MalformedRecord(f"{where} lacks principal, expires or grants")
    texts = tuple(grant for grant in cast(list[Any], grants) if isinstance(grant, str))
    if len(texts) != len(cast(list[Any], grants)):
        raise MalformedRecord("a grant is no text")
    return Entitlement(principal, texts, expires)


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedRecord("the document is no JSON object")
    return cast(Mapping[str, Any], value)
