"""Publishing: objects, then metadata, then the documents that name them, then the purge.

A reader never sees a document that names a missing object. Whatever step an earlier run stopped at, publishing the same
files again goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from registry import RegistryError, npm, oci, pypi
from registry.artifact import Artifact
from registry.facts import Facts
from registry.origin import Origin
from registry.purge import purge
from registry.target import Target


@dataclass(frozen=True)
class Published:
    """`new` is False where all of it had been published before."""

    title: str
    new: bool


def publish(
    target: Target, files: Sequence[Path], *, repository: str = "", tag: str = "", provenance: Path | None = None
) -> list[Published]:
    """Publishes npm tarballs, wheels, sdists and OCI image layouts. All are checked before the first is written.

    Raises RegistryError; what was said to be published before that, is.
    """
    if provenance and len(files) != 1:
        raise RegistryError(f"--provenance {provenance}: is of one npm package; publish that by itself")
    artifacts = [_read(file, repository, tag, provenance) for file in files]
    origin, metadata = Origin(target), Facts(target.repository)
    published: list[Published] = []
    rendered: list[str] = []
    for artifact in artifacts:
        for blob in artifact.blobs:
            origin.create(blob)
        new = metadata.commit(artifact.title, artifact.changes)
        rendered += _render(target, origin, metadata, artifact)
        published.append(Published(artifact.title, new))
    if rendered:
        purge(target, rendered)
    return published


def _render(target: Target, origin: Origin, metadata: Facts, artifact: Artifact) -> list[str]:
    """Brings the documents up to date, and returns the keys of those that changed."""
    written: list[str] = []
    for change in artifact.changes:
        revision, known = metadata.read(change.package.partition)
        touched = [fact.name for fact in change.facts]
        for document in change.package.documents(known, touched, target.url, origin.read):
            if origin.render(document, revision):
                written.append(document.key)
    return written


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
