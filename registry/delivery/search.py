"""Updates the list of npm packages that the edge uses to answer searches. When the registry delivers changed packages,
it writes their entries to this list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from registry import RegistryError
from registry.catalog.facts import Facts
from registry.clock import now
from registry.ecosystems.npm_search import PARTITION, search_list
from registry.metadata import Absent, Conflict, Delete, Item, Put, Repository, Unchanged, Write
from registry.origin import Origin

_TRIES = 5
# One transaction writes at most this number of search records. It also writes the revision of the list of npm packages.
# The database takes at most 100 writes in a transaction.
_AT_ONCE = 90
# Maps the name of each npm package to a pair. The first item is a revision number of the package, which grows with each
# commit. The second item is the entry of this revision in the list of npm packages. The entry is None for a package
# without published versions.
Entries = Mapping[str, tuple[int, Mapping[str, Any] | None]]


class SearchList:
    """The list of npm packages. It is stored as a document at the origin, and as records in the database."""

    def __init__(self, repository: Repository, origin: Origin) -> None:
        self._repository = repository
        self._facts = Facts(repository)
        self._origin = origin

    def update(self, entries: Entries) -> None:
        """Stores changed search entries in the database, and then renders the list of npm packages. Raises
        RegistryError if all _TRIES attempts conflict with other publishers.
        """
        if not entries:
            return
        for _ in range(_TRIES):
            try:
                self._record(entries)
                break
            except Conflict:
                continue
        else:
            raise RegistryError("the list of npm packages: other publishers kept changing it; deliver again")
        snapshot = self._facts.read(PARTITION)
        self._origin.render(search_list(snapshot.known), snapshot.revision, snapshot.published)

    def _record(self, entries: Entries) -> None:
        """Writes a search record for each changed entry of the list of npm packages. Raises Conflict if another
        publisher writes one of these records at the same time.
        """
        there = {item.name: item for item in self._repository.items(PARTITION)}
        at = now()
        writes = list(_writes(entries, there, at))
        for start in range(0, len(writes), _AT_ONCE):
            part: Sequence[Write] = writes[start : start + _AT_ONCE]
            self._repository.transact([*part, Put(PARTITION, "revision", {"published": at})])


def _writes(entries: Entries, there: Mapping[str, Item], at: str) -> Iterator[Write]:
    """Yields the database writes that store the changed entries of the list of npm packages. Does not change an entry
    if the database already has an entry from the same or a later revision of the package.
    """
    for name, (revision, entry) in entries.items():
        record = f"package#{name}"
        item = there.get(record)
        stored: Mapping[str, Any] = item.document["content"] if item else {}
        if stored.get("revision", 0) >= revision or stored.get("entry") == entry:
            continue
        condition = Absent() if item is None else Unchanged(item.version)
        if entry is None:
            yield Delete(PARTITION, record, condition)
        else:
            content = {"revision": revision, "entry": entry}
            yield Put(PARTITION, record, {"content": content, "written": at}, condition)
