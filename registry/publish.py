"""Publishes packages: writes objects, commits metadata, renders the documents that list the objects, and purges caches.

In this order, a reader never sees a document that lists a missing object. Publishing the same files again completes an
interrupted run, because the database keeps committed changes in an outbox until they are delivered to readers.
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
from registry.ecosystems.packument import NpmPackage
from registry.ecosystems.python_names import is_python
from registry.target import Target


@dataclass(frozen=True)
class Published:
    """An artifact that a command published. `new` is False if the registry already had the same artifact."""

    title: str
    new: bool


@dataclass(frozen=True)
class Report:
    """The result of publishing. `delayed` lists the reasons why some changes could not be delivered to readers yet. The
    command `registry purges drain` tries to deliver these changes again. `left_out` has one entry for each part of an
    artifact that was not published: the title of the artifact, and the reason.
    """

    published: Sequence[Published]
    delayed: Sequence[str]
    left_out: Sequence[tuple[str, str]] = ()


def publish(
    target: Target,
    files: Sequence[Path],
    by: By,
    *,
    repository: str = "",
    tag: str = "",
    provenance: Path | None = None,
    strict: bool = False,
) -> Report:
    """Publishes npm tarballs, wheels, sdists and OCI image layouts. Checks all files before it publishes the first one.

    With `strict`, Python distributions must follow PyPI's rules for new uploads. Without `strict`, all files that
    installers accept are published. Raises RegistryError for an invalid file, or when a cloud refuses a request. Some
    changes may be committed before such an error. The next publish, or the command `purges drain`, delivers them to
    readers.
    """
    if provenance and len(files) != 1:
        raise RegistryError(f"--provenance {provenance}: belongs to one npm package; publish that package alone")
    return apply(target, [_read(file, repository, tag, provenance, strict=strict) for file in files], by)


def apply(target: Target, artifacts: Sequence[Artifact], by: By) -> Report:
    """Writes the objects of each artifact, commits the artifact's metadata records, and delivers the change to readers.
    Raises RegistryError at the first artifact that cannot be committed.
    """
    origin, facts, delivery = target.origin, Facts(target.repository), target.delivery
    artifacts = signed(target, artifacts)
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
    left_out = [(artifact.title, reason) for artifact in artifacts for reason in artifact.left_out]
    return Report(published, delayed, left_out)


def signed(target: Target, artifacts: Sequence[Artifact]) -> Sequence[Artifact]:
    """Adds signatures to the npm versions in the artifacts if the stack has a signing key. Returns all artifacts."""
    if not any(isinstance(change.package, NpmPackage) for artifact in artifacts for change in artifact.changes):
        return artifacts
    signer = target.npm_signer
    return [signer.signed(artifact) for artifact in artifacts] if signer else artifacts


def _read(file: Path, repository: str, tag: str, provenance: Path | None, *, strict: bool) -> Artifact:
    if not file.exists():
        raise RegistryError(f"{file}: no such file")
    if provenance and file.suffix != ".tgz":
        raise RegistryError(f"{file}: --provenance is for npm packages; publish this file without it")
    if file.is_dir():
        if not repository:
            raise RegistryError(f"{file}: an image layout needs --repository, such as acme/app")
        return oci.read(file, repository, tag)
    if repository:
        raise RegistryError(f"{file}: --repository is for image layouts only; publish this file without it")
    if file.suffix == ".tgz":
        return npm.read(file, tag, provenance)
    if tag:
        raise RegistryError(f"{file}: --tag is for npm packages and images only; publish this file without it")
    if not is_python(file.name):
        raise RegistryError(
            f"{file}: unknown kind of file; publish an npm .tgz, a .whl, an sdist, or an OCI layout directory"
        )
    return pypi.read(file, strict=strict)
