"""Encodes recent revocations of tokens and withdrawals of objects. The edge worker gets recent changes from a feed of
the metadata API, a small document that it reads every 2 s, because a change in Workers KV takes a minute or more to
reach every PoP.

| form | encoded by | decoded by |
| --- | --- | --- |
| an item of the metadata database for each change | `token_change`, `withdrawal` | `decode_change` |
| the feed document of the metadata API | `feed_document` | `workers/edge/src/revocations.ts` |

No form contains a token itself. Each form identifies a token by its SHA-256 digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

# The partition of the metadata database that contains one item for each revocation or withdrawal. The key of an item in
# this partition begins with the time of the revocation or withdrawal.
PARTITION = "revocations"

# The name of the feed of revocations in a request to the metadata API. A feed is a small document that the edge worker
# reads every 2 s.
FEED = "revocations"

# The feed of revocations and withdrawals lists a change for 15 minutes. The edge needs the feed until it sees the
# change in Workers KV. A change in Workers KV is visible in all PoPs "up to 60 seconds or more" after the write
# (developers.cloudflare.com/kv/concepts/how-kv-works, "Consistency"). The time of a change comes from the clock of the
# process that makes the change. AWS tolerates clocks that are wrong by up to 5 minutes (IAM User Guide, "AWS Signature
# Version 4 for API requests"), so the feed lists each change for at least 15 - 5 = 10 minutes. If a withdrawal cannot
# be delivered to the edge, the outbox relay, which delivers published changes, tries again after at most 10 minutes
# (registry/catalog/outbox.py). Each attempt adds the withdrawal to the feed again, so the withdrawal stays in the feed
# until an attempt succeeds.
WINDOW_SECONDS = 900

# The number of seconds for which the edge's cache may use a copy of the list of recent revocations.
LIFETIME_SECONDS = 2

# The number of seconds after which the database may delete the item that records a revocation or withdrawal.
KEPT_SECONDS = 86_400

# The URL path at which each PoP reports whether it has a current copy of the revocation feed (a document with recent
# revocations).
HEALTH_PATH = "/healthz/feed"

_FORMAT = 1
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"

Document = Mapping[str, Any]


class MalformedChange(Exception):
    """Raised when a stored revocation or withdrawal cannot be decoded. The message never contains stored data."""


def item_name(now: float, unique: str) -> str:
    """Returns the name of the database item for a revocation or withdrawal. `now` is the time of the change, in seconds
    since 1970. `unique` distinguishes changes at the same time.

    The names of items sort by time.
    """
    return f"{_text(now)}#{unique}"


def first_name(now: float) -> str:
    """Returns the key after which a query for recent revocations starts. At the time `now`, the feed of revocations
    contains all items whose keys sort after this key.
    """
    return _text(now - WINDOW_SECONDS)


def token_change(digest: str, version: int, *, revoked: bool) -> Document:
    """Returns the database document that records a change of a token, such as a revocation. `version` is the version of
    the token's record after the change.
    """
    return {"token": digest, "version": version, "revoked": revoked}


def withdrawal(keys: Sequence[str]) -> Document:
    """Returns the database document that records a withdrawal of the objects with the given keys."""
    return {"objects": list(keys)}


def decode_change(text: Any) -> Document:
    """Returns the revocation or withdrawal in the JSON text of a database item. Raises MalformedChange if the text is
    invalid.
    """
    try:
        change: Any = json.loads(text)
    except (TypeError, ValueError):
        raise MalformedChange("the document is no JSON") from None
    if not isinstance(change, dict):
        raise MalformedChange("the document is no JSON object")
    known = cast(Mapping[str, Any], change)
    is_token = isinstance(known.get("token"), str) and isinstance(known.get("version"), int)
    keys: Any = known.get("objects")
    is_withdrawal = isinstance(keys, list) and all(isinstance(key, str) for key in cast(list[Any], keys))
    if not is_token and not is_withdrawal:
        raise MalformedChange("the document is neither a change of a token nor a withdrawal")
    return known


def feed_document(changes: Iterable[Document], read: float) -> str:
    """Returns the feed, a document for the edge worker, with the given revocations and withdrawals. `read` is the time
    at which they were read from the database, in seconds since 1970.

    If several changes concern the same token, the document contains only the highest record version among these
    changes. The document lists the token as revoked if at least one of the changes is a revocation.
    """
    tokens: dict[str, dict[str, Any]] = {}
    objects: dict[str, None] = {}
    for change in changes:
        objects |= dict.fromkeys(change.get("objects", ()))
        if "token" in change:
            known = tokens.setdefault(change["token"], {"revision": 0})
            known["revision"] = max(known["revision"], change["version"])
            if change.get("revoked"):
                known["revoked"] = True
    document = {"version": _FORMAT, "read": read, "tokens": tokens, "objects": list(objects)}
    return json.dumps(document, separators=(",", ":"))


def _text(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime(_TIME)
