"""Re-sync: repairs the token entries at the edge so that they match the metadata database."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contract.tokens import KEY_PREFIX, PARTITION, Record, encode_entry, version_of
from registry import RegistryError
from registry.cloudflare.api import CloudflareError, CloudflareUnavailable
from registry.cloudflare.token_entries import TokenEntries
from registry.target import Target
from registry.tokens.tokens import record_of

# How long the edge keeps a token entry without a record as revoked: a stream can repeat changes that are 24 hours old
# (DynamoDB Developer Guide, "Change data capture for DynamoDB Streams").
_REPLAY_SECONDS = 25 * 3_600


@dataclass(frozen=True)
class Repaired:
    """The result of a re-sync: the number of token records, and of the entries repaired at the edge.

    Repaired entries were missing, stale, or extra (without a record). `unreadable` describes malformed records, whose
    entries were left alone.
    """

    recorded: int
    missing: int
    stale: int
    extra: int
    unreadable: tuple[str, ...]


def resync(target: Target) -> Repaired:
    """Compares all token records with the entries at the edge, and rewrites entries that differ.

    Raises RegistryError if the comparison or a write fails.
    """
    try:
        return _resync(target, target.token_entries)
    except CloudflareUnavailable as error:
        raise RegistryError(f"the token entries at the edge were not repaired: {error}; try again") from error
    except CloudflareError as error:
        raise RegistryError(
            f"the token entries at the edge were not repaired: {error}; let CLOUDFLARE_API_TOKEN edit Workers KV"
        ) from error


def _resync(target: Target, edge: TokenEntries) -> Repaired:
    now = time.time()
    entries = edge.read(sorted(edge.keys()))
    records, unreadable = _records(target)
    missing = [record for key, record in records.items() if key not in entries]
    stale = list(_stale(target, records, entries))
    extra = list(_extra(target, entries.keys() - records.keys(), entries, now))
    edge.overwrite([*missing, *stale, *extra], now)
    return Repaired(len(records), len(missing), len(stale), len(extra), tuple(unreadable.values()))


def _records(target: Target) -> tuple[Mapping[str, Record], Mapping[str, str]]:
    """Returns the valid records by entry key, and the errors of malformed records by token digest."""
    records: dict[str, Record] = {}
    unreadable: dict[str, str] = {}
    for item in target.repository.items(PARTITION):
        try:
            record = record_of(item)
        except RegistryError as error:
            unreadable[item.name] = str(error)
        else:
            records[record.key] = record
    return records, unreadable


def _stale(target: Target, records: Mapping[str, Record], entries: Mapping[str, str]) -> Iterator[Record]:
    for key, record in records.items():
        if key not in entries or entries[key] == encode_entry(record):
            continue
        # A newer entry means that the record changed after it was read, so the record is read again.
        item = target.repository.item(PARTITION, record.digest) if version_of(entries[key]) > record.version else None
        latest = record_of(item) if item else record
        if entries[key] != encode_entry(latest):
            yield latest


def _extra(target: Target, keys: set[str], entries: Mapping[str, str], now: float) -> Iterator[Record]:
    for key in sorted(keys):
        digest = key.removeprefix(KEY_PREFIX)
        gone = Record(digest, max(0, version_of(entries[key])), int(now) + _REPLAY_SECONDS, None)
        if entries[key] != encode_entry(gone) and target.repository.item(PARTITION, digest) is None:
            yield Record(digest, gone.version + 1, gone.kept_until, None)
