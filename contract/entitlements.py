"""Selects the token records that must be written to the edge's store.

Each record has a version that only grows (registry/metadata). The edge stores the version with its entry, and an
earlier version never replaces a later one. So records may arrive late, twice or in any order, and the edge's final
state is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from contract.tokens import Image, MalformedRecord, Record, decode_image, version_of


def read_change(change: Mapping[str, Any]) -> Record:
    """Returns the record in a change of DynamoDB's stream.

    Raises MalformedRecord when the change has no image or the image cannot be decoded.
    """
    images = cast(Mapping[str, Image], change.get("dynamodb", {}))
    if "NewImage" in images:
        return decode_image(images["NewImage"])
    if "OldImage" not in images:
        raise MalformedRecord("the change has no image")
    return deleted(decode_image(images["OldImage"]))


def deleted(last: Record) -> Record:
    """Returns the record of a token whose item was deleted: a revocation, one version later than its last record."""
    return Record(last.digest, last.version + 1, last.kept_until, None)


def newest(records: Iterable[Record]) -> dict[str, Record]:
    """Returns the latest record of each token, by key."""
    latest: dict[str, Record] = {}
    for record in records:
        if record.key not in latest or latest[record.key].version < record.version:
            latest[record.key] = record
    return latest


def to_write(records: Iterable[Record], held: Mapping[str, str], now: float) -> list[Record]:
    """Returns the records to write to the edge's store, which holds the entries `held` (values by key).

    A record with the version that the edge holds is included, because `held` may come from a cache and be out of date.
    A record that has passed `kept_until` is left out, because its entry expires by itself.
    """
    return [
        record
        for key, record in newest(records).items()
        if record.kept_until > now and version_of(held.get(key)) <= record.version
    ]
