"""Stores each package's co-downloads in the metadata database. Co-downloads are packages that clients request in the
same install. When the registry delivers a change, it adds the co-downloads to the package's documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from registry.catalog.artifact import Artifact, Change, Fact
from registry.catalog.facts import Facts
from registry.ecosystems import npm_search
from registry.ecosystems.packages import parse
from registry.ecosystems.simple import PypiIndex
from registry.ecosystems.successors import RECORD
from registry.metadata import Repository


def published(repository: Repository) -> list[str]:
    """Returns all npm packages and Python projects that the registry has, such as `npm:@acme/web`."""
    facts = Facts(repository)
    packages = facts.read(npm_search.PARTITION).known.of_kind("package")
    projects = facts.read(PypiIndex.partition).known.of_kind("project")
    return sorted([*(f"npm:{name}" for name in packages), *(f"pypi:{name}" for name in projects)])


def changes(repository: Repository, packages: Sequence[str], model: Mapping[str, Sequence[str]]) -> Iterator[Artifact]:
    """Yields a change for each package whose successors in `model` differ from the stored successors. Successors are
    packages that clients request next. The change replaces the stored successors.

    `packages` are the packages that the registry has. The model may name other packages, and the changes leave them
    out.
    """
    partitions = {package: parse(package).package.partition for package in packages}
    there = repository.items_at([(partition, RECORD) for partition in partitions.values()])
    for package, partition in partitions.items():
        ecosystem = package.partition(":")[0]
        names = [name for name in model.get(package, ()) if f"{ecosystem}:{name}" in partitions]
        item = there.get((partition, RECORD))
        if names != (item.document["content"]["names"] if item else []):
            change = Change(parse(package).package, [Fact(RECORD, {"names": names}, immutable=False)])
            yield Artifact(f"{package} co-downloads", [], [change])
