"""Provides an emulated edge, tokens and a follower for tests. A follower is a program that reads token changes from
Spanner's change stream and sends the changes to the edge.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from contract.tokens import Record
from registry.cloudflare.api import CloudflareUnavailable
from workers.entitlements.changes import ChangeStream
from workers.entitlements.follower import Follower
from workers.entitlements.positions import Positions
from workers.entitlements.spanner import Spanner

STREAM = "items_changes"
COLUMNS = ["pk", "sk", "document", "version", "expires"]


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


class Edge:
    """Replaces the edge in tests. Records the token updates that the class Follower reads from Spanner and sends, in
    the order in which they arrive.

    While `works` is false, each update raises CloudflareUnavailable.
    """

    def __init__(self) -> None:
        self.updates: list[Record] = []
        self.works = True

    def update(self, records: Sequence[Record]) -> Sequence[Record]:
        if records and not self.works:
            raise CloudflareUnavailable("out of reach, for the test")
        self.updates += records
        return records

    def versions(self, name: str) -> list[int]:
        return [record.version for record in self.updates if record.digest == digest(name)]


def put(spanner: Spanner, name: str, version: int, document: str = "", partition: str = "tokens") -> None:
    text = document or json.dumps({"principal": "alice", "grants": ["npm:*:pull"], "expires": 4_000_000_000})
    row = [partition, digest(name), text, str(version), "2100-01-01T00:00:00Z"]
    spanner.write({"insertOrUpdate": {"table": "items", "columns": COLUMNS, "values": [row]}})


def remove(spanner: Spanner, name: str) -> None:
    spanner.write({"delete": {"table": "items", "keySet": {"keys": [["tokens", digest(name)]]}}})


def follower(spanner: Spanner, edge: Edge, dead_letters_sent: list[Any] | None = None) -> Follower:
    positions = Positions(spanner, f"{STREAM}_positions")
    dead_letters = [] if dead_letters_sent is None else dead_letters_sent
    return Follower(spanner, ChangeStream(spanner, STREAM), positions, edge, dead_letters.append)
