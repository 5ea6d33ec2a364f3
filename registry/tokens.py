"""Tokens: shown once, kept as SHA-256 only; the record in the metadata table, and an entry at the edge for each.

Whatever step fails, nobody is let in who is on no record: an entry is made after its record and removed before it.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cloudflare import APIError

from registry import RegistryError
from registry.grants import checked
from registry.metadata import Delete, Put
from registry.target import Target

PARTITION = "tokens"
_BYTES = 32  # 256 bits
_LONGEST_SECONDS = 366 * 86_400
_SHORTEST_SECONDS = (
    60  # the shortest life of an entry in Workers KV (developers.cloudflare.com/kv/api/write-key-value-pairs)
)
_UNITS = {"m": 60, "h": 3_600, "d": 86_400}
_PRINCIPAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@/+-]{0,127}")
_ID_DIGITS = 12


@dataclass(frozen=True)
class Token:
    """What is known of a token; never the token. `expires` is in seconds since 1970 (UTC)."""

    digest: str
    principal: str
    grants: tuple[str, ...]
    expires: int

    @property
    def id(self) -> str:
        """Names it towards people: the start of the digest."""
        return self.digest[:_ID_DIGITS]


def lifetime(text: str) -> int:
    """Seconds in `30d`, `12h`, `15m`. Raises RegistryError."""
    match = re.fullmatch(r"(\d{1,6})([mhd])", text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:
        raise RegistryError(f"--expires {text!r}: write a number of m, h or d between 1m and 366d, such as 30d")
    return seconds


def create(target: Target, principal: str, grants: Iterable[str], seconds: int) -> str:
    """Issues a token and returns it; it can never be read again."""
    if not _PRINCIPAL.fullmatch(principal):
        raise RegistryError(f"principal {principal!r}: use up to 128 letters, digits and . _ @ / + -")
    text = f"ae_{secrets.token_urlsafe(_BYTES)}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    token = Token(digest, principal, tuple(checked(grants)), int(time.time()) + seconds)
    _record(target, token)
    _admit(target, token)
    return text


def tokens(target: Target) -> list[Token]:
    """All that are on record, by principal; expired ones are not."""
    return sorted(_recorded(target), key=lambda token: (token.principal, token.expires))


def revoke(target: Target, identity: str) -> Token:
    """Ends a token, named by its id. The edge forgets it first."""
    token = _find(target, identity)
    _dismiss(target, token)
    target.repository.transact([Delete(PARTITION, token.digest)])
    return token


def change_grants(target: Target, identity: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Token:
    """Gives a token more grants, takes some away, or both."""
    token, taken = _find(target, identity), set(remove)
    unknown = sorted(taken - set(token.grants))
    if unknown:
        raise RegistryError(f"token {token.id} has no grant {unknown[0]!r}; it has {', '.join(token.grants)}")
    kept = [grant for grant in token.grants if grant not in taken]
    changed = Token(token.digest, token.principal, tuple(checked([*kept, *add])), token.expires)
    if taken:
        _admit(target, Token(token.digest, token.principal, tuple(kept), token.expires))
    _record(target, changed)
    _admit(target, changed)
    return changed


def _find(target: Target, identity: str) -> Token:
    found = [token for token in _recorded(target) if token.digest.startswith(identity)] if identity else []
    if len(found) != 1:
        problem = "no token has the id" if not found else f"{len(found)} tokens have ids that start with"
        raise RegistryError(f"{problem} {identity!r}; see: python -m registry tokens list")
    return found[0]


def _recorded(target: Target) -> Iterator[Token]:
    for item in target.repository.items(PARTITION):
        document = item.document
        yield Token(item.name, document["principal"], tuple(document["grants"]), document["expires"])


def _record(target: Target, token: Token) -> None:
    document = {"principal": token.principal, "grants": list(token.grants), "expires": token.expires}
    target.repository.transact([Put(PARTITION, token.digest, document, expires=token.expires)])


def _admit(target: Target, token: Token) -> None:
    """The entry that the edge worker reads (docs/architecture.md, "Tokens and grants")."""
    entry = {"version": 1, "principal": token.principal, "expires": token.expires, "grants": list(token.grants)}
    try:
        target.cloudflare().kv.namespaces.values.update(
            f"token:{token.digest}",
            account_id=target.entitlements.account_id,
            namespace_id=target.entitlements.namespace_id,
            value=json.dumps(entry).encode(),
            expiration=token.expires,
        )
    except APIError as error:
        raise RegistryError(
            f"token {token.id} is on record, but not at the edge: {error.message}; try again"
        ) from error


def _dismiss(target: Target, token: Token) -> None:
    try:
        target.cloudflare().kv.namespaces.values.delete(
            f"token:{token.digest}",
            account_id=target.entitlements.account_id,
            namespace_id=target.entitlements.namespace_id,
        )
    except APIError as error:
        raise RegistryError(f"token {token.id} is not revoked: {error.message}; try again") from error
