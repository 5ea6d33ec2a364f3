"""Delivers committed changes to readers: renders documents, quarantines withdrawn objects and purges the edge.

The module works with any cloud: it uses only the interfaces of the metadata database, the origin and the edge network.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from registry import RegistryError
from registry.catalog.facts import Facts
from registry.catalog.outbox import Intent, Outbox
from registry.delivery import quarantine
from registry.delivery.purge import EdgeNetwork, PurgesLimited
from registry.delivery.search import SearchList
from registry.ecosystems.npm_search import search_entry
from registry.ecosystems.packages import of_partition
from registry.ecosystems.packument import NpmPackage
from registry.metadata import Repository
from registry.origin import Origin

# The maximum number of changes in one delivery.
_AT_ONCE = 50
# The maximum number of packages whose documents are rendered in parallel.
_RENDERED_AT_ONCE = 8


@dataclass(frozen=True)
class PassReport:
    """The result of one pass over the outbox. A pass tries to deliver all changes that are due.

    Each of these fields is a number of changes:
    - `delivered`: changes that the pass delivered completely.
    - `limited`: changes that the pass delivered, except for purges that exceed the edge's rate limit. A later pass
      sends these purges.
    - `left`: changes that were due, but that the pass did not try to deliver, because it ran out of time.
    - `waiting`: changes that are in the outbox after the pass. A later pass delivers them.
    - `dead`: changes that the registry no longer tries to deliver, because their delivery failed too often.

    `lag` is the age in seconds of the oldest change that was never delivered. `delayed` contains the reasons for the
    failed deliveries of this pass.
    """

    delivered: int
    limited: int
    waiting: int
    dead: int
    left: int
    lag: float
    delayed: Sequence[str]


@dataclass
class Delivered:
    """The result of the delivery of several changes to readers.

    `delivered` is the number of completely delivered changes. `limited` is the number of delivered changes that still
    need some purges, because the edge limits the rate of purges. `failed` contains one reason for each failed change.
    """

    delivered: int = 0
    limited: int = 0
    failed: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class _Rendered:
    """The result of rendering a package's documents. `keys` are the keys of the rendered documents. The documents show
    the package at the revision number `revision`. Each commit to the package increments this number. For an npm
    package, `npm_name` is its name, and `entry` is its entry in the list of npm packages.
    """

    keys: Sequence[str]
    revision: int
    npm_name: str = ""
    entry: Mapping[str, Any] | None = None


class Delivery:
    """Makes the committed changes of one stack visible to clients. `url` is the address at which clients reach the
    stack.

    Delivery is idempotent: the second delivery of a change has no further effect.
    """

    def __init__(self, repository: Repository, origin: Origin, edge: EdgeNetwork, url: str) -> None:
        self.outbox = Outbox(repository)
        self._repository = repository
        self._facts = Facts(repository)
        self._origin = origin
        self._search = SearchList(repository, origin)
        self._edge = edge
        self._url = url

    def deliver(self, partitions: Collection[str]) -> list[str]:
        """Delivers all pending changes of the packages in the given database partitions. It does not matter who made
        the changes.

        Returns the reasons for failed deliveries, without duplicates. The outbox relay, which delivers changes, retries
        failed deliveries.
        """
        pending = [intent for intent in self.outbox.pending() if partitions & intent.changes.keys()]
        return list(dict.fromkeys(self.deliver_intents(pending).failed))

    def drain(self, until: float = math.inf) -> PassReport:
        """Delivers the changes in the outbox that are due. Changes that were never delivered come first, and changes
        that are due for their second delivery follow. A change is delivered a second time when all older cached copies
        have expired (registry/catalog/outbox.py).

        Starts no delivery after the time `until`, in seconds since 1970.
        """
        due = [each for each in [*self.outbox.pending(), *self.outbox.repeats()] if each.due <= time.time()]
        delivered, limited, delayed = 0, 0, list[str]()
        for start in range(0, len(due), _AT_ONCE):
            done = self.deliver_intents(due[start : start + _AT_ONCE], until)
            delivered += done.delivered
            limited += done.limited
            delayed += done.failed
        pending, dead = self.outbox.pending(), self.outbox.dead()
        return PassReport(
            delivered=delivered,
            limited=limited,
            waiting=len(pending) + len(self.outbox.repeats()),
            dead=len(dead),
            left=len(due) - delivered - limited - len(delayed),
            lag=max([each.age for each in [*pending, *dead]], default=0.0),
            delayed=list(dict.fromkeys(delayed)),
        )

    def deliver_intents(self, intents: Sequence[Intent], until: float = math.inf) -> Delivered:
        """Delivers several changes together. A package with several changes is therefore rendered only once.

        If this delivery fails, delivers each change separately. One bad change therefore does not block the other
        changes.
        """
        if not intents or time.time() >= until:
            return Delivered()
        try:
            self._deliver(intents)
        except PurgesLimited as rest:
            self.outbox.record_limit(intents, rest.keys, time.time())
            return Delivered(limited=len(intents))
        except (RegistryError, ClientError, BotoCoreError) as error:
            if len(intents) > 1:
                return _sum(self.deliver_intents([intent], until) for intent in intents)
            self.outbox.record_failure(intents[0], str(error), time.time())
            return Delivered(failed=[str(error)])
        for intent in intents:
            self.outbox.record_delivery(intent, time.time())
        return Delivered(len(intents))

    def _deliver(self, intents: Sequence[Intent]) -> None:
        changes: dict[str, list[str]] = {}
        for intent in intents:
            for partition, names in intent.changes.items():
                changes.setdefault(partition, []).extend(names)
        with ThreadPoolExecutor(_RENDERED_AT_ONCE) as pool:
            rendered = list(pool.map(self._render, changes.keys(), changes.values()))
        stale = [key for each in rendered for key in each.keys]
        withdrawn = [key for intent in intents for key in intent.withdrawn]
        if withdrawn:
            quarantine.withdraw(self._repository, self._edge, self._origin, withdrawn)
        purged = [key for intent in intents for key in intent.stale]
        entries = {each.npm_name: (each.revision, each.entry) for each in rendered if each.npm_name}
        try:
            self._edge.purge(list(dict.fromkeys([*stale, *withdrawn, *purged])))
        except PurgesLimited:
            # The outbox counts these changes as delivered. Later deliveries only send the remaining purges.
            self._search.update(entries)
            raise
        # The list of npm packages is written last: it is long, and clients need it only for searches.
        self._search.update(entries)

    def _render(self, partition: str, names: Collection[str]) -> _Rendered:
        """Renders the documents of a package that depend on the changed records `names`. Writes each document to the
        origin unless the origin already has it.

        The caller purges all these documents, including those that the origin already has. An earlier run may have
        written them, but ended before it could purge them.
        """
        snapshot = self._facts.read(partition)
        touched = set(names)
        package = of_partition(partition)
        documents = package.documents(snapshot.known, touched, self._url, self._origin.read)
        # A package is new if this delivery includes the changes of all its metadata records. The origin has no
        # documents of a new package.
        new = snapshot.known.facts.keys() <= touched
        for document in documents:
            self._origin.render(document, snapshot.revision, snapshot.published, new=new)
        keys = [document.key for document in documents]
        if not isinstance(package, NpmPackage):
            return _Rendered(keys, snapshot.revision)
        return _Rendered(keys, snapshot.revision, package.name, search_entry(package.name, snapshot.known))


def _sum(parts: Iterator[Delivered]) -> Delivered:
    whole = Delivered()
    for part in parts:
        whole.delivered += part.delivered
        whole.limited += part.limited
        whole.failed += part.failed
    return whole
