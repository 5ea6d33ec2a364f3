"""Reads a wheel or an sdist, and returns the artifact to publish.

The registry accepts all files that pip and uv install, including old files. A simple index needs only the name, the
version and Requires-Python of a file. With `strict`, files must also satisfy PyPI's rules for new uploads.

Sources: the binary and source distribution formats, core metadata 1.0 to 2.5, PEP 503 (names), 658 (metadata files).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from packaging.metadata import InvalidMetadata, Metadata
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from registry import RegistryError
from registry.catalog.artifact import Artifact, Blob, Change, Fact, sha256_of
from registry.ecosystems.python_archives import CoreMetadata, core_metadata, sdist_metadata, wheel_metadata
from registry.ecosystems.python_names import DistributionName, NotInstallable, is_wheel, parsed
from registry.ecosystems.python_releases import requirements
from registry.ecosystems.simple import Listing, PypiIndex, PypiProject


def read(file: Path, project: str = "", *, listing: Listing | None = None, strict: bool = False) -> Artifact:
    """Returns the artifact to publish for a wheel or an sdist.

    If the file is imported from another index, `project` is the normalized name of the project that lists the file.
    `listing` contains what the other index states about the file. Raises RegistryError for a file that installers would
    not accept. With `strict`, also raises RegistryError for a file that PyPI would not accept.
    """
    try:
        wheel = is_wheel(file.name)
        if wheel:
            named = parsed(file.name, project)
            raw: bytes | None = wheel_metadata(file, named.project)
            metadata = core_metadata(raw)
        else:
            _refuse_other_kind(file, project)
            raw = sdist_metadata(file)
            metadata = core_metadata(raw or b"")
            named = _name_of_sdist(file, project or canonicalize_name(metadata.name))
    except NotInstallable as error:
        raise RegistryError(f"{file.parent / str(error)}") from None
    _check_same(file, named, metadata, wheel=wheel)
    if strict:
        _check_upload_rules(file, raw or b"")
    return _artifact(file, named, metadata, [listing.fact(file.name)] if listing else [], raw if wheel else None)


def _refuse_other_kind(file: Path, project: str) -> None:
    """Raises NotInstallable if the name of a file is not the name of an sdist. `project` is the project's name, or
    empty if the name is not known.

    Checks only the name, not the content: a Python egg is a zip archive, like some sdists, and could pass for an sdist.
    If `project` is empty, also accepts ambiguous names such as `p-1.0-beta1.tar.gz`. For such a file, the caller later
    reads the project's name from the content.
    """
    try:
        parsed(file.name, project)
    except NotInstallable as error:
        if project or error.kind not in ("invalid name", "legacy version"):
            raise


def _name_of_sdist(file: Path, project: str) -> DistributionName:
    """Parses the filename of an sdist. `project` is the name with which the filename should begin.

    If the filename does not begin with `project`, parses the filename without a known project. This happens because
    `project` may come from the PKG-INFO file of an old sdist, which can state another name or no name.
    """
    try:
        return parsed(file.name, project)
    except NotInstallable:
        return parsed(file.name)


def _artifact(
    file: Path, named: DistributionName, metadata: CoreMetadata, stated: Sequence[Fact], served: bytes | None
) -> Artifact:
    """Returns the artifact to publish for a wheel or an sdist. `served` is the metadata file of a wheel, which clients
    can download separately (PEP 658). It is None for an sdist.

    The registry serves no metadata file for an sdist. A wheel that a client builds from the sdist can have other
    metadata.
    """
    name, digest = named.project, sha256_of(file)
    key = f"pypi/files/{name}/{file.name}"
    blobs = [Blob(key, file, "application/octet-stream", digest)]
    if served is not None:
        blobs.append(Blob(f"{key}.metadata", served, "text/plain; charset=utf-8", sha256_of(served)))
    normalized = _normalized(metadata.requires_python)
    content: dict[str, Any] = {
        "version": str(named.version),
        "sha256": digest,
        "size": file.stat().st_size,
        "requires_python": normalized,
        "metadata_sha256": "" if served is None else sha256_of(served),
    }
    facts = [Fact(f"file#{file.name}", content), *stated]
    if metadata.requires_python != normalized:
        # A separate metadata record contains the original text of Requires-Python. The record `file#` contains the
        # normalized text, and must not change after the publication.
        facts.append(Fact(f"requires-python#{file.name}", {"text": metadata.requires_python}, immutable=False))
    if projects := requirements(metadata.requires):
        facts.append(Fact(f"requires#{file.name}", {"projects": projects}, immutable=False))
    if metadata.license:
        facts.append(Fact(f"license#{file.name}", {"text": metadata.license}, immutable=False))
    listed = Change(PypiIndex(), [Fact(f"project#{name}", {"name": name})])
    return Artifact(f"pypi {file.name}", blobs, [Change(PypiProject(name), facts), listed])


def _normalized(requires_python: str) -> str:
    """Returns the version specifiers of Requires-Python in normalized form.

    Returns an invalid value unchanged, because installers ignore such a value.
    """
    try:
        return str(SpecifierSet(requires_python))
    except InvalidSpecifier:
        return requires_python


def _check_same(file: Path, named: DistributionName, metadata: CoreMetadata, *, wheel: bool) -> None:
    """Raises RegistryError for a file whose metadata states another name or version than the filename.

    pip discards such a file after the download. The metadata of an old sdist may state neither name nor version.
    """
    says = f"its metadata says {metadata.name or 'no name'} {metadata.version or 'no version'}"
    if wheel and not (metadata.name and metadata.version):
        raise RegistryError(f"{file}: its metadata is not valid: {says}; build the distribution again")
    try:
        version = Version(metadata.version) if metadata.version else named.version
    except InvalidVersion:
        if wheel:
            raise RegistryError(f"{file}: its metadata is not valid: {says}, which does not follow PEP 440") from None
        version = named.version
    name = canonicalize_name(metadata.name) or named.project
    if (name, version) != (named.project, named.version):
        raise RegistryError(
            f"{file}: is named {named.project} {named.version}, but {says}; build the distribution again "
            "instead of renaming it"
        )


def _check_upload_rules(file: Path, raw: bytes) -> None:
    try:
        parse_wheel_filename(file.name) if is_wheel(file.name) else parse_sdist_filename(file.name)
        Metadata.from_email(raw, validate=True)
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise RegistryError(f"{file}: strict rules for new uploads: {error}") from None
    except (ExceptionGroup, InvalidMetadata, UnicodeDecodeError) as error:
        reasons = "; ".join(str(each) for each in getattr(error, "exceptions", [error]))
        raise RegistryError(f"{file}: strict rules for new uploads: its metadata is not valid: {reasons}") from None
