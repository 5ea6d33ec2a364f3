"""From a committed change to what readers see: documents rendered, withdrawn objects taken back, the edge purged."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from registry import RegistryError, quarantine
from registry.facts import Facts
from registry.origin import Origin
from registry.outbox import Intent, Outbox
from registry.packages import of_partition
from registry.purge import purge
from registry.target import Target

_AT_ONCE = 50  # intents
_RENDERED_AT_ONCE = 8  # packages


@dataclass(frozen=True)
class Drained:
    """One pass over the outbox. `lag` is the age in seconds of the oldest change that is not with the readers."""

    settled: int
    waiting: int
    dead: int
    lag: float
    delayed: Sequence[str]


class Delivery:
    """Settles intents of one stack. Whoever does it, and however often, the outcome is the same."""

    def __init__(self, target: Target) -> None:
        self.outbox = Outbox(target.repository)
        self._target = target
        self._facts = Facts(target.repository)
        self._origin = Origin(target)

    def deliver(self, partitions: Collection[str]) -> list[str]:
        """Settles what is pending for these packages, of whatever publisher. Returns what went wrong and will be tried
        again by `purges drain`, each reason once."""
        failed = self.settle([intent for intent in self.outbox.pending() if partitions & intent.changes.keys()])
        return list(dict.fromkeys(failed))

    def drain(self) -> Drained:
        """Settles what is due."""
        due = [each for each in [*self.outbox.pending(), *self.outbox.repeats()] if each.due <= time.time()]
        delayed: list[str] = []
        for start in range(0, len(due), _AT_ONCE):
            delayed += self.settle(due[start : start + _AT_ONCE])
        pending, dead = self.outbox.pending(), self.outbox.dead()
        lag = max([each.age for each in [*pending, *dead]], default=0.0)
        waiting = len(pending) + len(self.outbox.repeats())
        return Drained(len(due) - len(delayed), waiting, len(dead), lag, list(dict.fromkeys(delayed)))

    def settle(self, intents: Sequence[Intent]) -> list[str]:
        """Settles them together, so that a package of several is rendered once. Returns why of each that failed."""
        if not intents:
            return []
        try:
            self._bring(intents)
        except (RegistryError, ClientError, BotoCoreError) as error:
            if len(intents) > 1:  # one of them may be bad, the others need not wait for it
                return [reason for intent in intents for reason in self.settle([intent])]
            self.outbox.failed(intents[0], str(error), time.time())
            return [str(error)]
        for intent in intents:
            self.outbox.settled(intent, time.time())
        return []

    def _bring(self, intents: Sequence[Intent]) -> None:
        changes: dict[str, list[str]] = {}
        for intent in intents:
            for partition, names in intent.changes.items():
                changes.setdefault(partition, []).extend(names)
        with ThreadPoolExecutor(_RENDERED_AT_ONCE) as pool:
            rendered = pool.map(self._render, changes.keys(), changes.values())
            stale = [key for keys in rendered for key in keys]
        withdrawn = [key for intent in intents for key in intent.withdrawn]
        if withdrawn:
            quarantine.withdraw(self._target, self._origin, withdrawn)
        purge(self._target, list(dict.fromkeys([*stale, *withdrawn])))

    def _render(self, partition: str, names: Collection[str]) -> list[str]:
        """Brings the package's documents up to date, and returns their keys: a run that was ended before its purge may
        have written them."""
        snapshot = self._facts.read(partition)
        touched = set(names)
        documents = of_partition(partition).documents(snapshot.known, touched, self._target.url, self._origin.read)
        for document in documents:
            self._origin.render(document, snapshot.revision, snapshot.published)
        return [document.key for document in documents]
