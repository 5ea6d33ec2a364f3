"""Which records of tokens the edge must be told of.

Each record carries a version that only grows (registry/metadata). The edge keeps the version with its entry, and an
entry never gives way to an earlier one: so records may come late, twice or in any order, and the edge ends up the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from contract.tokens import Image, MalformedRecord, Record, decode_image, version_of


def read_change(change: Mapping[str, Any]) -> Record:
    """Returns the record in a change of DynamoDB's stream. Raises MalformedRecord."""
    images = cast(Mapping[str, Image], change.get("dynamodb", {}))
    if "NewImage" in images:
        return decode_image(images["NewImage"])
    if "OldImage" not in images:
        raise MalformedRecord("the change has no image")
    return deleted(decode_image(images["OldImage"]))


def deleted(last: Record) -> Record:
    """Returns what becomes of a token whose item was deleted: a revoked one, later than its last record."""
    return Record(last.digest, last.version + 1, last.kept_until, None)


def newest(records: Iterable[Record]) -> dict[str, Record]:
    """Returns the latest record of each token, by key."""
    latest: dict[str, Record] = {}
    for record in records:
        if record.key not in latest or latest[record.key].version < record.version:
            latest[record.key] = record
    return latest


def to_write(records: Iterable[Record], held: Mapping[str, str], now: float) -> list[Record]:
    """Returns the records that the edge must be told of, where it holds the entries `held` (values by key).

    A record of the version that the edge holds is among them: the answer may be from a cache, and older than what the
    edge holds. A record that nobody can use any more is not: its entry expires by itself.
    """
    return [
        record
        for key, record in newest(records).items()
        if record.kept_until > now and version_of(held.get(key)) <= record.version
    ]
