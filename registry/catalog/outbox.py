"""The outbox: changes that the registry still has to deliver to readers.

The transaction that makes a change also writes an intent. An intent is a database item that names what changed. To
deliver an intent, the registry renders the documents, quarantines withdrawn objects, and purges the documents and the
withdrawn objects at the edge.

The outbox then keeps the intent, and the registry delivers it a second time after cached copies have expired. The
second delivery corrects a PoP that the purge did not reach, and a document that a slower publisher overwrote. Delivery
is idempotent.

The edge limits the rate of purges. When the edge refuses a purge, the outbox gets separate intents with the objects
that are not purged yet. Each of these intents needs one purge request.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from registry.clock import now, seconds_of
from registry.metadata import Conflict, Delete, Item, Put, Repository, Unchanged

PARTITION = "outbox"
# The number of failed deliveries of a change after which the outbox relay no longer retries it. The pauses between
# these attempts grow from 4 s to 10 minutes, and about 140 of the pauses last 10 minutes. The last attempt is therefore
# about a day after the first. If the cause of the failures lasts longer than a day, an operator must run `purges retry`
# once the cause is gone.
MOST_TRIES = 150
# The number of seconds after which no cache serves an old copy of a document any more. Each cache can serve a copy for
# max-age and stale-while-revalidate together (registry/catalog/artifact.py, MUTABLE): 5 + 60 = 65 s. A copy can be in a
# shield for 65 s, and then in the edge's cache (L1) for another 65 s: 130 s in all.
REPEAT_SECONDS = 130.0
# The registry delivers each change twice. The database deletes a change this number of seconds after the second
# delivery is due.
_KEPT_SECONDS = 7 * 86_400
# After its n-th failed delivery, a change waits for _FIRST_PAUSE * 2^n seconds: first 4 s, then 8 s, and at most
# _LONGEST_PAUSE.
_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 600.0
# The number of seconds after which the registry repeats a purge that the edge refused because of its rate limit. The
# edge accepts 5 purge requests a minute (workers/edge/src/purges.ts), which is one in 60 / 5 = 12 s.
_LIMITED_PAUSE = 12.0
# The maximum number of objects in one purge request.
_PURGED_AT_ONCE = 100
_PENDING, _REPEAT, _DEAD = "pending", "repeat", "dead"


@dataclass(frozen=True)
class Intent:
    """A committed change that the registry must deliver to readers.

    `changes` maps the database partition of each changed package to the names of its changed metadata records.
    `withdrawn` holds the keys of objects to quarantine. `stale` holds the keys of objects that only need a purge. `due`
    is the time of the next delivery, in seconds since 1970.
    """

    changes: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    withdrawn: Sequence[str] = ()
    stale: Sequence[str] = ()
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
        """The number of seconds since this change was committed."""
        return seconds_of(now()) - seconds_of(self.at)

    @property
    def name(self) -> str:
        return f"{self.state}#{self.at}#{self.id}"

    def put(self) -> Put:
        names = ("changes", "withdrawn", "at", "due", "tries", "error", "id", *(["stale"] if self.stale else []))
        document = {name: getattr(self, name) for name in names}
        expires = int(self.due) + _KEPT_SECONDS if self.state == _REPEAT else None
        return Put(PARTITION, self.name, {**document, "state": self.state}, expires=expires)


class Outbox:
    """The outbox in a metadata database. The items of the outbox are intents: committed changes to
    deliver to readers.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def pending(self) -> list[Intent]:
        """Returns the changes that were never delivered to readers, oldest first."""
        return list(self._in(_PENDING))

    def dead(self) -> list[Intent]:
        """Returns the changes whose delivery failed too often. The registry delivers such a change only after an
        operator runs `purges retry`.
        """
        return list(self._in(_DEAD))

    def repeats(self) -> list[Intent]:
        """Returns the changes that were delivered once and wait for their second delivery."""
        return list(self._in(_REPEAT))

    def record_delivery(self, intent: Intent, time: float) -> None:
        """Records the delivery of `intent`, a change in the outbox. Schedules a second delivery at `time` +
        REPEAT_SECONDS. By then, the copies that caches held at the first delivery have expired.

        After the second delivery, the method deletes `intent` from the outbox. An intent that only purges objects needs
        no second delivery.
        """
        if intent.state == _REPEAT or intent.stale:
            self._replace(intent, None)
        else:
            self._replace(intent, replace(intent, state=_REPEAT, due=time + REPEAT_SECONDS, tries=0, error=""))

    def record_limit(self, intents: Sequence[Intent], keys: Sequence[str], time: float) -> None:
        """Records the delivery of `intents` after the edge has refused some purges because of its rate limit. `keys`
        are the keys of the objects that still need a purge. For these purges, the method adds separate intents to the
        outbox.
        """
        at = min([intent.at for intent in intents if intent.state == _PENDING], default=now())
        for start in range(0, len(keys), _PURGED_AT_ONCE):
            part = keys[start : start + _PURGED_AT_ONCE]
            self._replace(None, Intent(stale=part, at=at, due=time + _LIMITED_PAUSE))
        for intent in intents:
            self.record_delivery(intent, time)

    def record_failure(self, intent: Intent, error: str, time: float) -> Intent:
        """Records a failed delivery of a change. The pause before the next retry grows with each failure. After
        MOST_TRIES failures, the change is not retried.
        """
        tries = intent.tries + 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries)
        state = _DEAD if tries >= MOST_TRIES else intent.state
        again = replace(intent, tries=tries, due=time + pause, error=error, state=state)
        self._replace(intent, again)
        return again

    def revive(self) -> int:
        """Makes all dead changes pending again, and returns their number. A change is dead after too many failed
        deliveries.
        """
        dead = self.dead()
        for intent in dead:
            self._replace(intent, replace(intent, state=_PENDING, tries=0, due=0))
        return len(dead)

    def _in(self, state: str) -> Iterator[Intent]:
        return (_intent(item) for item in self._repository.items(PARTITION, prefix=f"{state}#"))

    def _replace(self, old: Intent | None, new: Intent | None) -> None:
        """Replaces the intent `old` in the outbox by `new`. Without `old`, adds `new`. Without `new`, deletes `old`.

        Does nothing if another process has changed the intent `old` in the meantime.
        """
        is_moved = old is not None and (new is None or new.name != old.name)
        gone = [Delete(PARTITION, old.name, Unchanged(old.version))] if old and is_moved else []
        put = (
            [new.put() if old is None or is_moved else replace(new.put(), condition=Unchanged(old.version))]
            if new
            else []
        )
        try:
            self._repository.transact([*gone, *put])
        except Conflict:
            return


def _intent(item: Item) -> Intent:
    document: Mapping[str, Any] = item.document
    return Intent(**document, version=item.version)
