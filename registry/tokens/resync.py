"""Repairs the token entries at the edge, so that they match the token records in the metadata database."""

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

# If a token has no record in the database, the command `entitlements resync` writes an entry to the edge that says that
# the token is revoked. The edge keeps this entry for 25 hours. DynamoDB's stream can repeat changes that are up to 24
# hours old (DynamoDB Developer Guide, "Change data capture for DynamoDB Streams"). Without the entry, a repeated change
# could make the token valid again.
_REPLAY_SECONDS = 25 * 3_600


@dataclass(frozen=True)
class Repaired:
    """The result of a repair of the token entries at the edge. `recorded` is the number of token records in the
    database.

    `missing` and `stale` count the entries that did not exist or were out of date. `extra` counts the entries of tokens
    without a record. `unreadable` describes malformed records, whose entries were not changed.
    """

    recorded: int
    missing: int
    stale: int
    extra: int
    unreadable: tuple[str, ...]


def resync(target: Target) -> Repaired:
    """Compares all token records in the metadata database with the token entries at the edge. Writes missing and stale
    entries, and revokes entries without a record.

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
    """Decodes all token records. Returns two mappings. The first mapping has the records that can be decoded, by the
    key of the token's entry at the edge. The second mapping has an error message for each malformed record, by the
    token's digest.
    """
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
        # If the entry at the edge has a later version than `record`, the token was changed after `record` was read. The
        # metadata record is therefore read again.
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
