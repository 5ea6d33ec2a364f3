"""What is still to be brought to the readers: intents, written in the transaction of the change that makes them.

An intent names what changed, and is settled by rendering the documents of it, taking back what was withdrawn, and
purging both at the edge. It is then kept for one repetition, after caches have ended by themselves: a PoP that could
not be reached, or a publisher that was overtaken, is made good by that. Settling twice does no harm.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from registry.clock import now, seconds_of
from registry.metadata import Conflict, Delete, Item, Put, Repository, Unchanged

PARTITION = "outbox"
MOST_TRIES = 150
"""About a day, with the pauses below: for so long Cloudflare's API may be away before a person is needed."""
REPEAT_SECONDS = 130.0
"""How long a document may be served without having been asked for anew: max-age and stale-while-revalidate
(registry/catalog/artifact.py, MUTABLE) in L1, and the same again in a shield beneath it."""
_KEPT_SECONDS = 7 * 86_400  # a repetition that nobody made is moot after that
_FIRST_PAUSE = 2.0  # seconds; doubled with each try
_LONGEST_PAUSE = 600.0
_PENDING, _REPEAT, _DEAD = "pending", "repeat", "dead"


@dataclass(frozen=True)
class Intent:
    """`changes` are names of facts by partition; `withdrawn`, object keys. `due` is in seconds since 1970."""

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
        """Seconds since the change."""
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
        """Those that were not settled yet, oldest first."""
        return list(self._in(_PENDING))

    def dead(self) -> list[Intent]:
        """Those that failed too often and wait for a person."""
        return list(self._in(_DEAD))

    def repeats(self) -> list[Intent]:
        """Those that were settled and wait for their repetition."""
        return list(self._in(_REPEAT))

    def settled(self, intent: Intent, time: float) -> None:
        """Takes it off the list, or on that of repetitions."""
        if intent.state == _REPEAT:
            self._replace(intent, None)
        else:
            self._replace(intent, replace(intent, state=_REPEAT, due=time + REPEAT_SECONDS, tries=0, error=""))

    def failed(self, intent: Intent, error: str, time: float) -> Intent:
        """To be tried again, after ever longer; after too many times, dead."""
        tries = intent.tries + 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries)
        state = _DEAD if tries >= MOST_TRIES else intent.state
        again = replace(intent, tries=tries, due=time + pause, error=error, state=state)
        self._replace(intent, again)
        return again

    def revive(self) -> int:
        """Puts the dead back on the list, and says how many."""
        dead = self.dead()
        for intent in dead:
            self._replace(intent, replace(intent, state=_PENDING, tries=0, due=0))
        return len(dead)

    def _in(self, state: str) -> Iterator[Intent]:
        return (_intent(item) for item in self._repository.items(PARTITION, prefix=f"{state}#"))

    def _replace(self, old: Intent, new: Intent | None) -> None:
        """Nothing where somebody else has replaced it meanwhile."""
        gone = [Delete(PARTITION, old.name, Unchanged(old.version))] if new is None or new.name != old.name else []
        put = [replace(new.put(), condition=Unchanged(old.version))] if new and not gone else [new.put()] if new else []
        try:
            self._repository.transact([*gone, *put])
        except Conflict:
            return


def _intent(item: Item) -> Intent:
    document: Mapping[str, Any] = item.document
    return Intent(**document, version=item.version)
