"""Reads and commits the metadata records of packages. Each package has its own database partition (docs/metadata.md).

The transaction that writes metadata records also writes an audit entry and an outbox item. The outbox item names the
changed records. The registry needs these names to find the documents that it must render again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.utils import canonicalize_version

from registry import RegistryError, revocations
from registry.catalog import audit, outbox
from registry.catalog.artifact import Artifact, Change, Fact, Known
from registry.clock import now
from registry.metadata import MOST_WRITES, Absent, Conflict, Item, Key, Put, Repository, Unchanged, checked, encoded

_REVISION = "revision"
_TRIES = 5
# The kinds of metadata records for published versions, files and manifests. After one of them is unpublished, its name
# can never be published again.
_RELEASES = ("version", "file", "manifest")

_Writes = dict[Key, Put]
# Maps the partition and the name of a metadata record to its database item, or to None if the record does not exist.
_Read = dict[Key, Item | None]


@dataclass(frozen=True)
class Outcome:
    """The result of committing one artifact to the metadata database.

    `new` is False if all of the artifact's metadata records existed before. `refused` is the reason why the artifact
    was not committed. It is empty if the artifact was committed.
    """

    artifact: Artifact
    new: bool = False
    refused: str = ""


@dataclass(frozen=True)
class Snapshot:
    """A package's revision number and metadata records, read from the database. Each commit to the package increments
    the revision number.

    `published` is the time of the package's last commit (ISO 8601, UTC). It is empty if the package has no commit yet.
    The records in `known` are read after the revision number. They may therefore include changes of later commits.
    """

    revision: int
    published: str
    known: Known


@dataclass
class _Batch:
    """A group of artifacts that one database transaction commits together."""

    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    writes: _Writes = field(default_factory=_Writes)
    intent: outbox.Intent = field(default_factory=outbox.Intent)

    @property
    def transaction(self) -> list[Put]:
        if not self.writes:
            return []
        withdrawn = self.intent.withdrawn
        return [*self.writes.values(), self.intent.put(), *([revocations.of_objects(withdrawn)] if withdrawn else [])]

    def take(self, artifact: Artifact, writes: _Writes) -> bool:
        """Adds an artifact to this batch. One transaction writes the whole batch. Returns False if the artifact does
        not fit into this batch, and must wait for the next one.

        Raises RegistryError if even a transaction with only this artifact would be too large.
        """
        if any(self.writes[key] != writes[key] for key in self.writes.keys() & writes.keys()):
            return False
        grown = _Batch([*self.outcomes, Outcome(artifact, bool(writes))], {**self.writes, **writes}, self.intent)
        if writes:
            touched = {each.package.partition: [fact.name for fact in each.facts] for each in artifact.changes}
            grown.intent = self.intent.joined(touched, artifact.withdrawn)
        try:
            checked(grown.transaction)
        except RegistryError:
            if self.writes:
                return False
            raise
        self.outcomes, self.writes, self.intent = grown.outcomes, grown.writes, grown.intent
        return True


class Facts:
    """Reads and commits the metadata records of packages. A read sees all commits that ended before it."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def commit(self, artifacts: Sequence[Artifact], by: audit.By) -> list[Outcome]:
        """Commits the artifacts, each completely or not at all. Returns an outcome for each artifact, in the order of
        `artifacts`.

        Each transaction contains as many artifacts as possible, and increments the revision of each changed package. If
        one artifact is refused, the others are still committed. Raises RegistryError after several conflicts with other
        publishers.
        """
        left, outcomes, tries = list(artifacts), list[Outcome](), 0
        while left:
            batch = self._batch(left, by)
            try:
                self._repository.transact(batch.transaction)
            except Conflict:
                tries += 1
                if tries == _TRIES:
                    raise RegistryError(
                        f"{left[0].title}: other publishers kept changing the same package; try again"
                    ) from None
                continue
            outcomes += batch.outcomes
            left, tries = left[len(batch.outcomes) :], 0
        return outcomes

    def read(self, partition: str) -> Snapshot:
        revision = self._repository.item(partition, _REVISION)
        items = [item for item in self._repository.items(partition) if item.name != _REVISION]
        facts: dict[str, Mapping[str, Any]] = {item.name: item.document["content"] for item in items}
        written = {item.name: item.document["written"] for item in items}
        number, published = (revision.version, revision.document["published"]) if revision else (0, "")
        return Snapshot(number, published, Known(facts, written))

    def refuse_unpublished(self, artifact: Artifact) -> None:
        """Raises RegistryError if an artifact was unpublished earlier. Lockfiles may still contain the artifact's name,
        so the registry never accepts different content under this name.
        """
        releases = [
            (change.package.partition, name)
            for change in artifact.changes
            for fact in change.facts
            for name in _withdrawals(fact)
        ]
        if self._repository.items_at(releases):
            raise RegistryError(
                f"{artifact.title}: was unpublished and can never be published again; publish a new version"
            )

    def _batch(self, artifacts: Sequence[Artifact], by: audit.By) -> _Batch:
        batch, at, there = _Batch(), now(), _Read()
        for number, artifact in enumerate(artifacts):
            if not there.keys() >= set(_keys(artifact)):
                there |= self._read_for(artifacts[number:])
            try:
                if not batch.take(artifact, self._writes(artifact, by, at, there)):
                    break
            except RegistryError as error:
                batch.outcomes.append(Outcome(artifact, refused=str(error)))
        return batch

    def _read_for(self, artifacts: Sequence[Artifact]) -> _Read:
        """Reads the metadata records of the first artifacts in `artifacts`. Reads the records of as many artifacts as
        fit into one transaction, but of at least one artifact.
        """
        keys = set[Key]()
        for artifact in artifacts:
            more = set(_keys(artifact)) - keys
            if keys and len(keys) + len(more) > MOST_WRITES:
                break
            keys |= more
        found = self._repository.items_at(keys)
        return {key: found.get(key) for key in keys}

    def _writes(self, artifact: Artifact, by: audit.By, at: str, there: _Read) -> _Writes:
        """Returns the database writes for an artifact. Returns no writes if all its metadata records already exist.

        `there` maps the keys of the artifact's records to the stored database items, or to None for missing items.
        """
        writes = [write for change in artifact.changes for write in _changed(artifact.title, change, at, there)]
        if not writes:
            return {}
        if len(artifact.marks) + len(writes) >= MOST_WRITES - 2:
            for start in range(0, len(artifact.marks), MOST_WRITES):
                self._repository.transact(artifact.marks[start : start + MOST_WRITES])
        else:
            writes += artifact.marks
        writes.append(audit.entry(by, artifact.title, at))
        return {(write.partition, write.name): write for write in writes}


def _keys(artifact: Artifact) -> Iterator[Key]:
    """Yields the keys of an artifact's metadata records."""
    return ((change.package.partition, fact.name) for change in artifact.changes for fact in change.facts)


def unpublished_version(version: str) -> str:
    """Returns the name of the metadata record that marks a version of a Python project as unpublished.

    A version has several files, and each has a record `unpublished#<filename>`. The record of the version also covers
    files that were never published. The name contains the version in normalized form, because `1.0` equals `1.0.0` (PEP
    440).
    """
    return f"unpublished-version#{canonicalize_version(version)}"


def _withdrawals(fact: Fact) -> Iterator[str]:
    """Yields the names of the metadata records that would mark the version, file or manifest in `fact` as unpublished.
    Yields nothing for any other kind of record.
    """
    kind, _, release = fact.name.partition("#")
    if kind in _RELEASES:
        yield f"unpublished#{release}"
    if kind == "file":
        yield unpublished_version(fact.content["version"])


def _changed(title: str, change: Change, at: str, there: _Read) -> list[Put]:
    partition = change.package.partition
    puts = [put for fact in change.facts for put in _put(title, partition, fact, at, there)]
    return [*puts, Put(partition, _REVISION, {"published": at})] if puts else []


def _put(title: str, partition: str, fact: Fact, at: str, there: _Read) -> list[Put]:
    """Returns a list with the database write that stores a metadata record. The list is empty if the record already
    exists with the same content.

    The write fails if another process changes the record before the commit.

    Raises RegistryError if the record is immutable and already exists with different content.
    """
    found = there[partition, fact.name]
    if found is not None and encoded(found.document["content"]) == encoded(fact.content):
        return []
    if found is not None and fact.immutable:
        raise RegistryError(f"{title}: this version exists with another content; publish a new version")
    condition = Absent() if found is None else Unchanged(found.version)
    return [Put(partition, fact.name, {"content": fact.content, "written": at}, condition)]
