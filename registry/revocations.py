"""Records revocations and withdrawals for the feed of the metadata API, which tells the edge within seconds.

The transaction that makes a change also writes the item, so no committed change lacks one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from contract.revocations import KEPT_SECONDS, PARTITION, Document, item_name, token_change, withdrawal
from registry.metadata import Put


def of_token(digest: str, version: int, *, revoked: bool) -> Put:
    """Returns the write for a change of a token, whose record has the given version after the change."""
    return _put(token_change(digest, version, revoked=revoked))


def of_objects(keys: Sequence[str]) -> Put:
    """Returns the write for a withdrawal of objects."""
    return _put(withdrawal(keys))


def _put(document: Document) -> Put:
    now = time.time()
    return Put(PARTITION, item_name(now, secrets.token_hex(4)), document, expires=int(now) + KEPT_SECONDS)
