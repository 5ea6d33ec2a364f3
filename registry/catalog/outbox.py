"""The outbox: changes that the registry still has to deliver to readers.

The transaction of a change also writes an intent. An intent is a database item that names what changed. To deliver an
intent, the registry renders the changed documents, and quarantines withdrawn objects. It then purges these documents
and objects at the edge.

After the delivery, the outbox keeps the intent. The registry delivers it a second time when all cached copies have
expired. The second delivery corrects two problems: a PoP that the purge did not reach, and a document that a slower
publisher overwrote. Delivery is idempotent.

The edge limits the rate of purges. If the edge refuses a purge, the outbox gets new intents with the objects that still
need a purge. Each new intent contains the objects of one purge request.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from registry.clock import now, seconds_of
from registry.metadata import Conflict, Delete, Item, Put, Repository, Unchanged

PARTITION = "outbox"
# After this number of failed deliveries, the outbox relay, which delivers changes, no longer retries a change. The
# pauses between the attempts grow from 4 s to 10 minutes, and about 140 pauses last 10 minutes. The last attempt is
# therefore about a day after the first. If the cause of the failures lasts longer, an operator must remove the cause
# and then run `purges retry`.
MOST_TRIES = 150
# After this number of seconds, no cache serves an old copy of a document. One cache can serve a copy for max-age plus
# stale-while-revalidate (registry/catalog/artifact.py, MUTABLE): 5 + 60 = 65 s. A copy can be in a shield (a regional
# cache) for 65 s, and then in the cache at the edge (L1) for another 65 s. The sum is 130 s.
REPEAT_SECONDS = 130.0
# The registry delivers each change twice, as the docstring of this module explains, and the change stays in the outbox
# until the second delivery. If the second delivery does not succeed, the database deletes the change this number of
# seconds after the second delivery was due.
_KEPT_SECONDS = 7 * 86_400
# The pause, in seconds, between the n-th failed delivery of a change and the next attempt is _FIRST_PAUSE * 2^n, but at
# most _LONGEST_PAUSE. The pause is therefore 4 s after the first failure, and 8 s after the second failure.
_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 600.0
# If the edge refuses a purge because of its rate limit, the registry repeats the purge after this number of seconds.
# The edge accepts 5 purge requests a minute (workers/edge/src/purges.ts): one request every 60 / 5 = 12 s.
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
    """The outbox in a metadata database. The items of the outbox are intents: committed changes that the registry must
    deliver to readers.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def pending(self) -> list[Intent]:
        """Returns the changes that were never delivered to readers, oldest first."""
        return list(self._in(_PENDING))

    def dead(self) -> list[Intent]:
        """Returns the changes that the registry has failed to deliver too often. The registry does not try again until
        an operator runs `purges retry`.
        """
        return list(self._in(_DEAD))

    def repeats(self) -> list[Intent]:
        """Returns the changes that were delivered once and wait for a second delivery (see `record_delivery`)."""
        return list(self._in(_REPEAT))

    def record_delivery(self, intent: Intent, time: float) -> None:
        """Records a delivery at the time `time`. `intent` is the delivered change in the outbox. Schedules a second
        delivery REPEAT_SECONDS later. By then, all copies that caches stored before the first delivery have expired.

        After the second delivery, deletes `intent` from the outbox. An intent that only purges objects needs no second
        delivery.
        """
        if intent.state == _REPEAT or intent.stale:
            self._replace(intent, None)
        else:
            self._replace(intent, replace(intent, state=_REPEAT, due=time + REPEAT_SECONDS, tries=0, error=""))

    def record_limit(self, intents: Sequence[Intent], keys: Sequence[str], time: float) -> None:
        """Records the delivery of `intents` (changes to deliver) if the edge has refused some of their purges because
        of its rate limit. `keys` are the keys of the objects that still need a purge. The method adds new intents for
        these objects to the outbox.
        """
        at = min([intent.at for intent in intents if intent.state == _PENDING], default=now())
        for start in range(0, len(keys), _PURGED_AT_ONCE):
            part = keys[start : start + _PURGED_AT_ONCE]
            self._replace(None, Intent(stale=part, at=at, due=time + _LIMITED_PAUSE))
        for intent in intents:
            self.record_delivery(intent, time)

    def record_failure(self, intent: Intent, error: str, time: float) -> Intent:
        """Records a failed delivery of a change. The pause before the next retry grows with each failure. After
        MOST_TRIES failures, the change is dead: the outbox relay, which delivers changes, does not retry it.
        """
        tries = intent.tries + 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries)
        state = _DEAD if tries >= MOST_TRIES else intent.state
        again = replace(intent, tries=tries, due=time + pause, error=error, state=state)
        self._replace(intent, again)
        return again

    def revive(self) -> int:
        """Makes all dead changes pending again, and returns their number. A change is dead if its delivery failed too
        often.
        """
        dead = self.dead()
        for intent in dead:
            self._replace(intent, replace(intent, state=_PENDING, tries=0, due=0))
        return len(dead)

    def _in(self, state: str) -> Iterator[Intent]:
        return (_intent(item) for item in self._repository.items(PARTITION, prefix=f"{state}#"))

    def _replace(self, old: Intent | None, new: Intent | None) -> None:
        """Replaces an intent (a change that the registry must deliver to readers) in the outbox. `old` is the stored
        intent, and `new` is its replacement. If `old` is None, adds `new`. If `new` is None, deletes `old`.

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
