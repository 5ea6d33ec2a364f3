"""Issues, lists, rotates and revokes tokens. A token's value is shown once, and only its SHA-256 digest is stored.

The token's record in the metadata database is authoritative. A command first commits a change to the database. Two
programs then write the change to the token's entry at the edge. The command itself writes the entry at once. The
consumer of the database's change stream also writes the entry, and repeats failed writes. The order of the two writes
does not matter, because each entry has the version of its record.

An entry may reach the edge a minute late. The commit therefore also adds the change to a feed, which the edge requests
from the metadata API every 2 s. The record of a revoked token stays in the database until the token would have expired.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from botocore.exceptions import BotoCoreError, ClientError

from contract.tokens import (
    PARTITION,
    MalformedRecord,
    Record,
    Token,
    decode_record,
    decode_token,
    encode_document,
    short_id,
)
from registry import RegistryError, revocations
from registry.catalog import audit
from registry.catalog.audit import By
from registry.clock import now
from registry.cloudflare.api import CloudflareError
from registry.metadata import Absent, Conflict, Item, Put, Unchanged, Write
from registry.target import Target
from registry.tokens.grants import checked

_BYTES = 32  # the number of random bytes in a token
_LONGEST_SECONDS = 366 * 86_400
_SHORTEST_SECONDS = 60
_UNITS = {"m": 60, "h": 3_600, "d": 86_400}
_PRINCIPAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@/+-]{0,127}")
_TRIES = 5


@dataclass(frozen=True)
class Changed:
    """The result of a command that changes a token.

    `text` is the secret value of a newly issued token, or empty after other changes. `edge_error` says why the token's
    entry could not be written to the edge, or is empty if the entry was written.
    """

    token: Token
    text: str = ""
    edge_error: str = ""


def duration(text: str, option: str = "--expires", shortest: int = _SHORTEST_SECONDS) -> int:
    """Returns the seconds in a duration such as `30d`, `12h` or `15m`.

    Raises RegistryError for any other string, and for a duration shorter than `shortest` seconds or longer than 366
    days.
    """
    match = re.fullmatch(r"(\d{1,6})([mhd])", text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else -1
    if not shortest <= seconds <= _LONGEST_SECONDS:
        raise RegistryError(
            f"{option} {text!r}: write a duration in m, h or d between {shortest // 60}m and 366d, such as 30d"
        )
    return seconds


def create(target: Target, by: By, principal: str, grants: Iterable[str], seconds: int) -> Changed:
    """Issues a token for a principal, valid for `seconds`. The token's value cannot be retrieved later."""
    if not _PRINCIPAL.fullmatch(principal):
        raise RegistryError(f"principal {principal!r}: use up to 128 letters, digits and . _ @ / + -")
    text, token = _new(principal, tuple(checked(grants)), seconds)
    _commit(target, by, [_put(token, Absent())], [token])
    return Changed(token, text, _update_edge(target, [token]))


def tokens(target: Target, *, ended: bool = False) -> list[Token]:
    """Returns the valid tokens, sorted by principal. With `ended`, revoked and expired tokens are included."""
    found = [token for token, _ in _recorded(target) if ended or (not token.revoked and token.expires > time.time())]
    return sorted(found, key=lambda token: (token.principal, token.expires))


def rotate(target: Target, by: By, identity: str, seconds: int, overlap: int) -> Changed:
    """Issues a new token with the principal and the grants of an existing token. The existing token expires `overlap`
    seconds from now, unless it expires earlier.
    """

    def change(token: Token) -> tuple[Changed, list[Token]]:
        text, new = _new(token.principal, token.grants, seconds)
        old = replace(token, expires=min(token.expires, int(time.time()) + overlap))
        return Changed(new, text), [new, old]

    return _change(target, by, identity, change)


def revoke(target: Target, by: By, identity: str) -> Changed:
    """Revokes the token whose digest begins with `identity`. Ignores tokens that are already revoked. Raises
    RegistryError if no token or more than one token remains.
    """

    def change(token: Token) -> tuple[Changed, list[Token]]:
        revoked = replace(token, revoked=now())
        return Changed(revoked), [revoked]

    return _change(target, by, identity, change)


def change_grants(
    target: Target, by: By, identity: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()
) -> Changed:
    """Adds the grants `add` to a token, and removes the grants `remove`. Raises RegistryError if the token does not
    have a grant to remove.
    """
    added, taken = list(add), set(remove)

    def change(token: Token) -> tuple[Changed, list[Token]]:
        unknown = sorted(taken - set(token.grants))
        if unknown:
            raise RegistryError(f"token {token.id} has no grant {unknown[0]!r}; it has {', '.join(token.grants)}")
        kept = [grant for grant in token.grants if grant not in taken]
        changed = replace(token, grants=tuple(checked([*kept, *added])))
        return Changed(changed), [changed]

    return _change(target, by, identity, change)


def _change(target: Target, by: By, identity: str, change: Callable[[Token], tuple[Changed, list[Token]]]) -> Changed:
    """Applies the function `change` to the latest version of a token. `change` returns a result and the changed tokens.
    Commits these tokens, writes their entries to the edge, and returns the result.

    If another process changes the token at the same time, starts again with the new version. Raises RegistryError after
    several conflicts.
    """
    tries = 0
    while True:
        token, version = _find(target, identity)
        changed, written = change(token)
        puts = [_put(each, Unchanged(version) if each.digest == token.digest else Absent()) for each in written]
        changes = [
            # `version` is the version of the token's record before this write. The database increments it with each
            # write (registry/metadata).
            revocations.of_token(each.digest, version + 1, revoked=bool(each.revoked))
            for each in written
            if each.digest == token.digest
        ]
        try:
            _commit(target, by, [*puts, *changes], written)
        except Conflict:
            tries += 1
            if tries == _TRIES:
                raise RegistryError(f"token {token.id}: other processes keep changing this token; try again") from None
        else:
            return replace(changed, edge_error=_update_edge(target, written))


def _new(principal: str, grants: tuple[str, ...], seconds: int) -> tuple[str, Token]:
    text = f"ae_{secrets.token_urlsafe(_BYTES)}"
    ends = int(time.time()) + seconds
    return text, Token(hashlib.sha256(text.encode()).hexdigest(), principal, grants, ends, ends)


def _find(target: Target, identity: str) -> tuple[Token, int]:
    found = [known for known in _recorded(target) if known[0].digest.startswith(identity)] if identity else []
    good = [known for known in found if not known[0].revoked]
    if len(good) != 1:
        problem = "no token has the id" if not good else f"{len(good)} tokens have ids that start with"
        raise RegistryError(f"{problem} {identity!r}; see: python -m registry tokens list")
    return good[0]


def _recorded(target: Target) -> Iterator[tuple[Token, int]]:
    """Yields each token with the version of its record. Skips malformed records, which `registry entitlements resync`
    reports.
    """
    for item in target.repository.items(PARTITION):
        try:
            yield decode_token(item.name, item.expires, item.document), item.version
        except MalformedRecord:
            continue


def _put(token: Token, condition: Absent | Unchanged) -> Put:
    return Put(PARTITION, token.digest, encode_document(token), condition, expires=token.kept_until)


def _commit(target: Target, by: By, writes: Sequence[Write], changed: Sequence[Token]) -> None:
    """Commits changes of tokens to the database, with an audit entry for each changed token. Raises Conflict if another
    process has changed one of the tokens.
    """
    at = now()
    entries = [audit.entry(by, f"token {token.id} of {token.principal}", at) for token in changed]
    target.repository.transact([*writes, *entries])


def _update_edge(target: Target, changed: Sequence[Token]) -> str:
    """Writes the tokens' current records to the edge. Returns the reason for a failure, or an empty string after
    success.
    """
    try:
        items = [target.repository.item(PARTITION, token.digest) for token in changed]
        target.token_entries.update([record_of(item) for item in items if item is not None])
    # The metadata database already contains the changed tokens, and its change stream also updates the edge. The
    # function therefore returns the error, and the caller decides whether the command fails. An exception would lose a
    # new token, because only the caller prints it.
    except (CloudflareError, RegistryError, BotoCoreError, ClientError) as error:
        return str(error)
    return ""


def record_of(item: Item) -> Record:
    """Returns the token record in an item of the metadata database. Raises RegistryError for a malformed item."""
    try:
        return decode_record(item.name, item.version, item.expires, item.document)
    except MalformedRecord as error:
        raise RegistryError(f"token {short_id(item.name)}: its record cannot be read: {error}") from None
