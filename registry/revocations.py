"""Records revocations of tokens and withdrawals of objects in the metadata database. The metadata API lists recent
revocations and withdrawals in a feed, which the edge reads every few seconds.

The transaction that commits a revocation or withdrawal also commits its item in the feed. The feed therefore contains
every recent revocation and withdrawal.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from contract.revocations import KEPT_SECONDS, PARTITION, Document, item_name, token_change, withdrawal
from registry.metadata import Put


def of_token(digest: str, version: int, *, revoked: bool) -> Put:
    """Returns the database write that adds a change of a token to the feed, a small document that the edge reads every
    2 s. `version` is the version of the token's record after the change.
    """
    return _put(token_change(digest, version, revoked=revoked))


def of_objects(keys: Sequence[str]) -> Put:
    """Returns the database write that adds a withdrawal of objects to the feed, a document with recent changes that the
    edge reads every 2 s.
    """
    return _put(withdrawal(keys))


def _put(document: Document) -> Put:
    now = time.time()
    return Put(PARTITION, item_name(now, secrets.token_hex(4)), document, expires=int(now) + KEPT_SECONDS)
