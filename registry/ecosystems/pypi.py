"""Reads a wheel or an sdist into the artifact to publish.

Sources: PEP 427 (wheels), 503 (names), 658 (metadata files).
"""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from typing import IO, cast

from packaging.metadata import InvalidMetadata, Metadata
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from registry import RegistryError
from registry.catalog.artifact import Artifact, Blob, Change, Fact, sha256_of
from registry.ecosystems.archives import checked_members, refuse_outside
from registry.ecosystems.simple import PypiIndex, PypiProject

_METADATA_BYTES = 4 << 20


def read(file: Path) -> Artifact:
    """Returns the artifact for a wheel or an sdist. Raises RegistryError for an invalid file, name or metadata."""
    if file.suffix == ".whl":
        name, version = _name_of_wheel(file)
        raw = _metadata_of_wheel(file)
    else:
        name, version = _name_of_sdist(file)
        raw = _metadata_of_sdist(file)
    metadata = _checked_metadata(file, raw, name, version)
    digest = sha256_of(file)
    key = f"pypi/files/{name}/{file.name}"
    blobs = [Blob(key, file, "application/octet-stream", digest)]
    # Only a wheel's metadata is served: a wheel that is built from an sdist can have other metadata than the sdist.
    served = file.suffix == ".whl"
    if served:
        blobs.append(Blob(f"{key}.metadata", raw, "text/plain; charset=utf-8", sha256_of(raw)))
    fact = Fact(
        f"file#{file.name}",
        {
            "version": str(version),
            "sha256": digest,
            "size": file.stat().st_size,
            "requires_python": str(metadata.requires_python or ""),
            "metadata_sha256": sha256_of(raw) if served else "",
        },
    )
    listed = Change(PypiIndex(), [Fact(f"project#{name}", {"name": name})])
    return Artifact(f"pypi {file.name}", blobs, [Change(PypiProject(name), [fact]), listed])


def _name_of_wheel(file: Path) -> tuple[str, Version]:
    try:
        name, version, _, _ = parse_wheel_filename(file.name)
    except InvalidWheelFilename as error:
        raise RegistryError(f"{file}: the name of a wheel is name-version-python-abi-platform.whl: {error}") from None
    return name, version


def _name_of_sdist(file: Path) -> tuple[str, Version]:
    try:
        return parse_sdist_filename(file.name)
    except InvalidSdistFilename as error:
        raise RegistryError(f"{file}: the name of an sdist is name-version.tar.gz: {error}") from None


def _metadata_of_wheel(file: Path) -> bytes:
    try:
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                refuse_outside(file, name)
            return _member_of_wheel(file, archive)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise RegistryError(f"{file}: is not a wheel: {error}. Build one with: python -m build") from None


def _member_of_wheel(file: Path, archive: zipfile.ZipFile) -> bytes:
    directories = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
    if len(directories) != 1:
        raise RegistryError(f"{file}: holds {len(directories)} .dist-info directories; a wheel has one")
    directory = directories.pop()
    for name in ("METADATA", "WHEEL", "RECORD"):
        if f"{directory}/{name}" not in archive.namelist():
            raise RegistryError(f"{file}: has no {directory}/{name}; build the wheel with: python -m build")
    if archive.getinfo(f"{directory}/METADATA").file_size > _METADATA_BYTES:
        raise RegistryError(f"{file}: METADATA is larger than {_METADATA_BYTES >> 20} MiB")
    return archive.read(f"{directory}/METADATA")


def _metadata_of_sdist(file: Path) -> bytes:
    try:
        with tarfile.open(file, "r:gz") as tar:
            for member in checked_members(file, tar):
                if member.isfile() and member.name.count("/") == 1 and member.name.endswith("/PKG-INFO"):
                    if member.size > _METADATA_BYTES:
                        raise RegistryError(f"{file}: PKG-INFO is larger than {_METADATA_BYTES >> 20} MiB")
                    return cast(IO[bytes], tar.extractfile(member)).read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise RegistryError(f"{file}: is not an sdist: {error}. Build one with: python -m build --sdist") from None
    raise RegistryError(f"{file}: has no PKG-INFO; build the sdist with: python -m build --sdist")


def _checked_metadata(file: Path, raw: bytes, name: str, version: Version) -> Metadata:
    try:
        metadata = Metadata.from_email(raw, validate=True)
    except (ExceptionGroup, InvalidMetadata, UnicodeDecodeError) as error:
        reasons = getattr(error, "exceptions", [error])
        raise RegistryError(f"{file}: its metadata is not valid: {'; '.join(str(each) for each in reasons)}") from None
    if canonicalize_name(metadata.name) != name or metadata.version != version:
        raise RegistryError(
            f"{file}: is named {name} {version}, but its metadata says {metadata.name} {metadata.version}; "
            "build the distribution again instead of renaming it"
        )
    return metadata
