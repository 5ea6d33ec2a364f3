"""Follows the change stream of a metadata database on Spanner, and sends each change of a token to the edge.

Malformed records go to the dead-letter topic at once, and the other records continue. While the edge or Spanner does
not answer, the follower keeps its position and retries. The follower saves a position only after all earlier changes
have reached the edge. After a crash, the follower may send some changes again. This does no harm, because an older
change never replaces a newer one (contract/entitlements.py).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from contract.tokens import PARTITION, MalformedRecord, Record, decode_row
from workers.entitlements.changes import Change, ChangeStream, Child, record_of
from workers.entitlements.positions import Partition, Positions
from workers.entitlements.spanner import Row, Spanner, SpannerInvalidRequest

ITEMS = "items"
_SCAN = "SELECT sk, document, version, expires FROM items WHERE pk = $1 AND sk > $2 ORDER BY sk LIMIT 500"
# the number of seconds after which the follower saves its position in the change stream, even if there were no changes
_SAVED_EVERY = 10.0

_log = logging.getLogger(__name__)

DeadLetter = Mapping[str, Any]


class Edge(Protocol):
    def update(self, records: Sequence[Record]) -> Sequence[Record]: ...


class Follower:
    """A follower copies token changes from Spanner's change stream to the edge. Only one thread may use it.

    `send_dead_letter` receives a message for each malformed record. The message has the position of the change in the
    stream and not the record's content.
    """

    def __init__(
        self,
        spanner: Spanner,
        stream: ChangeStream,
        positions: Positions,
        edge: Edge,
        send_dead_letter: Callable[[DeadLetter], None],
    ) -> None:
        self._spanner, self._stream, self._positions = spanner, stream, positions
        self._edge, self._send_dead_letter = edge, send_dead_letter
        self._partitions: dict[str, Partition] | None = None
        self._saved = 0.0

    def poll(self) -> None:
        """Sends all changes of clients' tokens to the edge. After a failed request, the next poll reads the change
        stream again from the position before this request. If Spanner rejects a position, the next poll sends all
        clients' tokens again.
        """
        if self._partitions is None:
            self._partitions = self._positions.all()
        if not self._partitions:
            self._partitions = self._begin()
        now = self._spanner.now()
        try:
            for partition in [each for each in self._partitions.values() if not each.waits_for]:
                self._advance(self._partitions, partition, now)
        except SpannerInvalidRequest as error:
            # Spanner has rejected a stored position in the change stream. Either the position is older than the
            # stream's retention, or the stream was deleted and created again.
            _log.error("%s: all tokens are sent again, and the stream is followed from the current time", error)
            self._positions.save((), list(self._partitions))
            self._partitions = None
            raise
        if time.monotonic() - self._saved > _SAVED_EVERY:
            self._save(list(self._partitions.values()))

    def _begin(self) -> dict[str, Partition]:
        """Sends all existing tokens to the edge, and returns the current partitions of the change stream. The
        partitions contain every change since the start of this call.
        """
        now, last, written = self._spanner.now(), "", 0
        while True:
            rows = self._spanner.query(_SCAN, ("STRING", PARTITION), ("STRING", last))
            written += len(self._edge.update(list(self._decoded_rows(rows))))
            if not rows:
                break
            last = rows[-1][0]
        first = {child.token: Partition(child.token, child.parents, now) for child in self._stream.partitions(now)}
        self._save(list(first.values()))
        _log.info("the stream is followed from %s in %d partitions; %d tokens written", now, len(first), written)
        return first

    def _advance(self, partitions: dict[str, Partition], partition: Partition, now: str) -> None:
        records = self._stream.read(partition.token, partition.position, now)
        changes = [change for change in records.changes if _is_token(change)]
        if changes:
            written = self._edge.update(list(self._decoded_changes(changes)))
            _log.info("%d changes, %d tokens written", len(changes), len(written))
        moved = Partition(partition.token, frozenset(), now)
        if records.children:
            started = [
                _without_parent(partitions.get(child.token), child, partition.token) for child in records.children
            ]
            self._save(started, [partition.token])
            partitions.update({child.token: child for child in started})
            del partitions[partition.token]
        else:
            if changes:
                self._save([moved])
            partitions[partition.token] = moved

    def _save(self, kept: Sequence[Partition], gone: Sequence[str] = ()) -> None:
        self._positions.save(kept, gone)
        self._saved = time.monotonic()

    def _decoded_changes(self, changes: Sequence[Change]) -> Iterator[Record]:
        for change in changes:
            try:
                yield record_of(change)
            except MalformedRecord as error:
                place = {"commit": change.commit, "transaction": change.transaction, "sequence": change.sequence}
                self._send_dead({"reason": str(error), **place})

    def _decoded_rows(self, rows: Sequence[Row]) -> Iterator[Record]:
        for row in rows:
            try:
                yield decode_row(*row)
            except MalformedRecord as error:
                self._send_dead({"reason": str(error), "commit": "before the stream was followed"})

    def _send_dead(self, message: DeadLetter) -> None:
        self._send_dead_letter(message)
        _log.error("a change went to the dead-letter topic: %s", message["reason"])


def _is_token(change: Change) -> bool:
    return change.table == ITEMS and change.keys.get("pk") == PARTITION


def _without_parent(known: Partition | None, child: Child, ended: str) -> Partition:
    """Returns the record of the partition `child` after its parent `ended` has ended. The record's field `waits_for`
    contains those parents that have not ended yet.

    The change stream reports a child at the end of each of its parents, so it reports a child with several parents
    several times. `known` is the record that this function returned for the previous report, or None for the first
    report.
    """
    waits_for = (known.waits_for if known else child.parents) - {ended}
    return Partition(child.token, waits_for, child.start)
