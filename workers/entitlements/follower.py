"""Follows the change stream of a metadata database on Spanner, and tells the edge of each change of a token.

What it cannot understand goes to the dead letters at once, and the others go on. While the edge or Spanner does not
answer, it tries again and stays where it is. Its place is saved after what lies before it has reached the edge: what
it does twice after a crash does no harm, as entries never give way to earlier ones (contract/entitlements.py).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from contract.tokens import PARTITION, MalformedRecord, Record, decode_row
from workers.entitlements.changes import Change, ChangeStream, Child, record_of
from workers.entitlements.positions import Partition, Positions
from workers.entitlements.spanner import Row, Spanner, SpannerRefused

ITEMS = "items"
_SCAN = "SELECT sk, document, version, expires FROM items WHERE pk = $1 AND sk > $2 ORDER BY sk LIMIT 500"
_SAVED_EVERY = 10.0  # seconds, where nothing happens: a crash then repeats so much of nothing

_log = logging.getLogger(__name__)

Letter = Mapping[str, Any]


class Edge(Protocol):
    def update(self, records: Sequence[Record]) -> Sequence[Record]: ...


class Follower:
    """`send_dead_letter` takes a message with the place of a change, without its content. One thread uses it."""

    def __init__(
        self,
        spanner: Spanner,
        stream: ChangeStream,
        positions: Positions,
        edge: Edge,
        send_dead_letter: Callable[[Letter], None],
    ) -> None:
        self._spanner, self._stream, self._positions = spanner, stream, positions
        self._edge, self._send_dead_letter = edge, send_dead_letter
        self._partitions: dict[str, Partition] | None = None
        self._saved = 0.0

    def turn(self) -> None:
        """Tells the edge of all that was committed before. Whatever it raises, the next turn goes on from there."""
        if self._partitions is None:
            self._partitions = self._positions.all()
        if not self._partitions:
            self._partitions = self._begin()
        now = self._spanner.now()
        try:
            for partition in [each for each in self._partitions.values() if not each.waits_for]:
                self._advance(self._partitions, partition, now)
        except SpannerRefused as error:
            # The place is older than what the stream keeps, or of a stream that was made anew.
            _log.error("%s: the stream is followed anew, after all tokens were told", error)
            self._positions.save((), list(self._partitions))
            self._partitions = None
            raise
        if time.monotonic() - self._saved > _SAVED_EVERY:
            self._save(list(self._partitions.values()))

    def _begin(self) -> dict[str, Partition]:
        """From now on the stream tells; what was before is told here."""
        now, last, told = self._spanner.now(), "", 0
        while True:
            rows = self._spanner.query(_SCAN, ("STRING", PARTITION), ("STRING", last))
            told += len(self._edge.update(list(self._readable(rows))))
            if not rows:
                break
            last = rows[-1][0]
        first = {child.token: Partition(child.token, child.parents, now) for child in self._stream.partitions(now)}
        self._save(list(first.values()))
        _log.info("begins at %s with %d partitions; %d tokens were told", now, len(first), told)
        return first

    def _advance(self, partitions: dict[str, Partition], partition: Partition, now: str) -> None:
        told = self._stream.read(partition.token, partition.position, now)
        changes = [change for change in told.changes if _of_tokens(change)]
        if changes:
            written = self._edge.update(list(self._understood(changes)))
            _log.info("%d changes, %d tokens written", len(changes), len(written))
        moved = Partition(partition.token, frozenset(), now)
        if told.children:
            born = [_born(partitions.get(child.token), child, partition.token) for child in told.children]
            self._save(born, [partition.token])
            partitions.update({child.token: child for child in born})
            del partitions[partition.token]
        else:
            if changes:
                self._save([moved])
            partitions[partition.token] = moved

    def _save(self, kept: Sequence[Partition], gone: Sequence[str] = ()) -> None:
        self._positions.save(kept, gone)
        self._saved = time.monotonic()

    def _understood(self, changes: Sequence[Change]) -> Iterator[Record]:
        for change in changes:
            try:
                yield record_of(change)
            except MalformedRecord as error:
                place = {"commit": change.commit, "transaction": change.transaction, "sequence": change.sequence}
                self._dead({"reason": str(error), **place})

    def _readable(self, rows: Sequence[Row]) -> Iterator[Record]:
        for row in rows:
            try:
                yield decode_row(*row)
            except MalformedRecord as error:
                self._dead({"reason": str(error), "commit": "before the stream was followed"})

    def _dead(self, letter: Letter) -> None:
        self._send_dead_letter(letter)
        _log.error("a change is dead: %s", letter["reason"])


def _of_tokens(change: Change) -> bool:
    return change.table == ITEMS and change.keys.get("pk") == PARTITION


def _born(known: Partition | None, child: Child, ended: str) -> Partition:
    """A child as it is once one of its parents has ended; each of them tells of it."""
    waits_for = (known.waits_for if known else child.parents) - {ended}
    return Partition(child.token, waits_for, child.start)
