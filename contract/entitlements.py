"""Selects the token records that must be written to the edge worker's key-value store, Workers KV.

Each record has a version number, which increases with every change (registry/metadata). Workers KV stores the version
with the entry, and an earlier version never replaces a later version. Records may therefore arrive late, twice or in
any order. After all records have arrived, each entry in Workers KV has the latest version of its token record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from contract.tokens import Image, MalformedRecord, Record, decode_image, version_of


def read_change(change: Mapping[str, Any]) -> Record:
    """Returns the token record after a change that DynamoDB's stream reports. If the change deletes the token's item,
    the record says that the token is revoked.

    Raises MalformedRecord when the change contains no copy of the item, or when the copy cannot be decoded.
    """
    images = cast(Mapping[str, Image], change.get("dynamodb", {}))
    if "NewImage" in images:
        return decode_image(images["NewImage"])
    if "OldImage" not in images:
        raise MalformedRecord("the change has no image")
    return deleted(decode_image(images["OldImage"]))


def deleted(last: Record) -> Record:
    """Returns the token record that revokes a token whose database item was deleted. `last` is the token's last record.
    The returned record has the next higher version, so it replaces `last` at the edge.
    """
    return Record(last.digest, last.version + 1, last.kept_until, None)


def newest(records: Iterable[Record]) -> dict[str, Record]:
    """Returns the latest record of each token in `records`. The result maps the key of the token's entry in Workers KV
    to the record.
    """
    latest: dict[str, Record] = {}
    for record in records:
        if record.key not in latest or latest[record.key].version < record.version:
            latest[record.key] = record
    return latest


def to_write(records: Iterable[Record], held: Mapping[str, str], now: float) -> list[Record]:
    """Returns the token records to write to Workers KV. `held` maps the key of each existing entry in Workers KV to the
    content of the entry.

    The function leaves out records that are older than their entries in `held`, and records whose time `kept_until` has
    passed. It includes a record with the same version as its entry, because `held` may come from a cache and the
    current entry in Workers KV may differ.
    """
    return [
        record
        for key, record in newest(records).items()
        if record.kept_until > now and version_of(held.get(key)) <= record.version
    ]
