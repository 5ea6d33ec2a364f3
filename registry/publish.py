"""Publishing: objects, then metadata, then the documents that name them, then the purge.

A reader never sees a document that names a missing object. Whatever step an earlier run stopped at, publishing the same
files again goes on from there: what was committed, but not brought to the readers, is in the outbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from registry import RegistryError
from registry.catalog.artifact import Artifact
from registry.catalog.audit import By
from registry.catalog.facts import Facts
from registry.ecosystems import npm, oci, pypi
from registry.target import Target


@dataclass(frozen=True)
class Published:
    """`new` is False where all of it had been published before."""

    title: str
    new: bool


@dataclass(frozen=True)
class Report:
    """`delayed` says why readers may see it late; `purges drain` tries again."""

    published: Sequence[Published]
    delayed: Sequence[str]


def publish(
    target: Target,
    files: Sequence[Path],
    by: By,
    *,
    repository: str = "",
    tag: str = "",
    provenance: Path | None = None,
) -> Report:
    """Publishes npm tarballs, wheels, sdists and OCI image layouts. All are checked before the first is written.

    Raises RegistryError; what was committed before that is brought to the readers by the next run or by `purges drain`.
    """
    if provenance and len(files) != 1:
        raise RegistryError(f"--provenance {provenance}: is of one npm package; publish that by itself")
    return apply(target, [_read(file, repository, tag, provenance) for file in files], by)


def apply(target: Target, artifacts: Sequence[Artifact], by: By) -> Report:
    """Makes the changes, one after the other. Raises RegistryError at the first that is refused."""
    origin, facts, delivery = target.origin, Facts(target.repository), target.delivery
    published: list[Published] = []
    try:
        for artifact in artifacts:
            facts.refuse_unpublished(artifact)
            for blob in artifact.blobs:
                origin.create(blob)
            (outcome,) = facts.commit([artifact], by)
            if outcome.refused:
                raise RegistryError(outcome.refused)
            published.append(Published(artifact.title, outcome.new))
    finally:
        changed = [change for artifact in artifacts[: len(published)] for change in artifact.changes]
        delayed = delivery.deliver({change.package.partition for change in changed})
    return Report(published, delayed)


def _read(file: Path, repository: str, tag: str, provenance: Path | None) -> Artifact:
    if not file.exists():
        raise RegistryError(f"{file}: there is no such file")
    if provenance and file.suffix != ".tgz":
        raise RegistryError(f"{file}: --provenance is for npm packages; publish this file without it")
    if file.is_dir():
        if not repository:
            raise RegistryError(f"{file}: an image layout needs --repository, such as acme/app")
        return oci.read(file, repository, tag)
    if repository:
        raise RegistryError(f"{file}: --repository is for image layouts only; publish this file by itself")
    if file.suffix == ".tgz":
        return npm.read(file, tag, provenance)
    if tag:
        raise RegistryError(f"{file}: --tag is for npm packages and images; a Python version has no tags")
    if file.suffix == ".whl" or file.name.endswith(".tar.gz"):
        return pypi.read(file)
    raise RegistryError(
        f"{file}: is of no known kind; publish an npm .tgz, a .whl, an sdist .tar.gz, or the directory of an OCI layout"
    )
