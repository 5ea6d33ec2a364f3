"""Facts of packages in the metadata repository: who published what, one partition a package (docs/metadata.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from registry import RegistryError
from registry.artifact import Change, Fact, Known
from registry.metadata import Absent, Conflict, Put, Repository, Unchanged, Write, encoded

_REVISION = "revision"
_TRIES = 5


class Facts:
    """Reads see what was committed before them."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def commit(self, title: str, changes: Sequence[Change]) -> bool:
        """Adds all facts of all changes or none, and counts up the revision of each package that changes.

        False where every fact is there already. Raises RegistryError where an immutable one is there with another
        content.
        """
        for _ in range(_TRIES):
            writes = [write for change in changes for write in self._writes(title, change)]
            if not writes:
                return False
            try:
                self._repository.transact(writes)
            except Conflict:
                continue
            return True
        raise RegistryError(f"{title}: others kept publishing to the same package; publish again")

    def read(self, partition: str) -> tuple[int, Known]:
        """The revision, and facts that are at least as new."""
        revision = self._repository.item(partition, _REVISION)
        items = [item for item in self._repository.items(partition) if item.name != _REVISION]
        facts: dict[str, Mapping[str, Any]] = {item.name: item.document["content"] for item in items}
        written = {item.name: item.document["written"] for item in items}
        return revision.version if revision else 0, Known(facts, written)

    def _writes(self, title: str, change: Change) -> list[Write]:
        partition = change.package.partition
        puts = [put for fact in change.facts for put in self._put(title, partition, fact)]
        return [*puts, Put(partition, _REVISION, {})] if puts else []

    def _put(self, title: str, partition: str, fact: Fact) -> list[Write]:
        """Nothing where the fact is there already; else a write that fails where it has changed since this look."""
        there = self._repository.item(partition, fact.name)
        if there is not None and encoded(there.document["content"]) == encoded(fact.content):
            return []
        if there is not None and fact.immutable:
            raise RegistryError(f"{title}: this version exists with another content; publish a new version")
        condition = Absent() if there is None else Unchanged(there.version)
        return [Put(partition, fact.name, {"content": fact.content, "written": _now()}, condition)]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
