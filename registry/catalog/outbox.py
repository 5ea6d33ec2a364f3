"""The outbox: changes that the registry still has to deliver to readers.

The transaction that makes a change also writes an intent, which names what changed. To deliver an intent, the
registry renders the documents, quarantines withdrawn objects and purges both at the edge.

The outbox then keeps the intent for one repetition, after cached copies expire. The repetition corrects a PoP that
the purge did not reach, and a document that a slower publisher overwrote. Delivery is idempotent.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from registry.clock import now, seconds_of
from registry.metadata import Conflict, Delete, Item, Put, Repository, Unchanged

PARTITION = "outbox"
# The limit lasts about a day with the pauses below. A person must act if Cloudflare's API is unavailable for longer.
MOST_TRIES = 150
# How long caches may serve a document without revalidation: max-age and stale-while-revalidate
# (registry/catalog/artifact.py, MUTABLE) in L1, and the same time again in a shield beneath L1.
REPEAT_SECONDS = 130.0
_KEPT_SECONDS = 7 * 86_400  # the database drops a repetition that is older
_FIRST_PAUSE = 2.0  # seconds; doubled with each try
_LONGEST_PAUSE = 600.0
_PENDING, _REPEAT, _DEAD = "pending", "repeat", "dead"


@dataclass(frozen=True)
class Intent:
    """A change to deliver to readers.

    `changes` maps each partition to names of metadata records. `withdrawn` holds object keys. `due` is in seconds
    since 1970.
    """

    changes: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    withdrawn: Sequence[str] = ()
    at: str = field(default_factory=now)
    due: float = 0
    tries: int = 0
    error: str = ""
    state: str = _PENDING
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    version: int = 0

    def joined(self, changes: Mapping[str, Sequence[str]], withdrawn: Sequence[str]) -> Intent:
        both = {name: [*self.changes.get(name, ()), *changes.get(name, ())] for name in {**self.changes, **changes}}
        return replace(
            self,
            changes={name: list(dict.fromkeys(facts)) for name, facts in both.items()},
            withdrawn=[*self.withdrawn, *withdrawn],
        )

    @property
    def age(self) -> float:
        """The time since the change, in seconds."""
        return seconds_of(now()) - seconds_of(self.at)

    @property
    def name(self) -> str:
        return f"{self.state}#{self.at}#{self.id}"

    def put(self) -> Put:
        document = {name: getattr(self, name) for name in ("changes", "withdrawn", "at", "due", "tries", "error", "id")}
        expires = int(self.due) + _KEPT_SECONDS if self.state == _REPEAT else None
        return Put(PARTITION, self.name, {**document, "state": self.state}, expires=expires)


class Outbox:
    """The intents of a metadata repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def pending(self) -> list[Intent]:
        """Returns the intents that are not delivered yet, oldest first."""
        return list(self._in(_PENDING))

    def dead(self) -> list[Intent]:
        """Returns the intents that failed too often and wait for a person to revive them."""
        return list(self._in(_DEAD))

    def repeats(self) -> list[Intent]:
        """Returns the intents that were delivered once and wait for their repetition."""
        return list(self._in(_REPEAT))

    def record_delivery(self, intent: Intent, time: float) -> None:
        """Schedules a delivered intent to repeat REPEAT_SECONDS after `time`, or deletes a repeated intent."""
        if intent.state == _REPEAT:
            self._replace(intent, None)
        else:
            self._replace(intent, replace(intent, state=_REPEAT, due=time + REPEAT_SECONDS, tries=0, error=""))

    def record_failure(self, intent: Intent, error: str, time: float) -> Intent:
        """Records a failed delivery. Each retry waits longer; after MOST_TRIES failures the intent is dead."""
        tries = intent.tries + 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries)
        state = _DEAD if tries >= MOST_TRIES else intent.state
        again = replace(intent, tries=tries, due=time + pause, error=error, state=state)
        self._replace(intent, again)
        return again

    def revive(self) -> int:
        """Makes all dead intents pending again, and returns their number."""
        dead = self.dead()
        for intent in dead:
            self._replace(intent, replace(intent, state=_PENDING, tries=0, due=0))
        return len(dead)

    def _in(self, state: str) -> Iterator[Intent]:
        return (_intent(item) for item in self._repository.items(PARTITION, prefix=f"{state}#"))

    def _replace(self, old: Intent, new: Intent | None) -> None:
        """Replaces or deletes an intent. Does nothing if another process replaced the intent in the meantime."""
        gone = [Delete(PARTITION, old.name, Unchanged(old.version))] if new is None or new.name != old.name else []
        put = [replace(new.put(), condition=Unchanged(old.version))] if new and not gone else [new.put()] if new else []
        try:
            self._repository.transact([*gone, *put])
        except Conflict:
            return


def _intent(item: Item) -> Intent:
    document: Mapping[str, Any] = item.document
    return Intent(**document, version=item.version)
