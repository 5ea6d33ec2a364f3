"""Reads an npm tarball into the artifact to publish. Source: npm docs, package.json."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

import semver

from registry import RegistryError
from registry.catalog.artifact import Artifact, Blob, Change, Fact, sha256_of
from registry.ecosystems.archives import checked_members
from registry.ecosystems.packument import NpmPackage, attestations_key
from registry.ecosystems.provenance import checked_attestations
from registry.metadata import Put

_NAME = re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*")
_NAME_MAX = 214
# npm refuses a dist-tag that looks like a version (npm docs, npm-dist-tag).
_TAG = re.compile(r"(?!v\d)[A-Za-z][A-Za-z0-9._-]{0,63}")
_PACKAGE_JSON_BYTES = 1 << 20
_DEPENDENCIES = ("dependencies", "optionalDependencies", "peerDependencies")


def read(file: Path, tag: str = "", provenance: Path | None = None) -> Artifact:
    """Returns the artifact for a tarball from `npm pack`, with the given dist-tag and Sigstore bundle, if any.

    The dist-tag `latest` need not be given: `latest` is the highest stable version unless it was set explicitly.
    Raises RegistryError for an invalid tarball, name, version, tag or bundle.
    """
    manifest = _package_json(file)
    name, version = _checked_name(file, manifest), _checked_version(file, manifest)
    unscoped = name.rsplit("/", 1)[-1]
    key = f"npm/{name}/-/{unscoped}-{version}.tgz"
    sha512 = _digest(file, "sha512")
    facts = [
        Fact(
            f"version#{version}",
            {
                "manifest": manifest,
                "file": key.rsplit("/", 1)[1],
                "shasum": _digest(file, "sha1").hex(),
                "integrity": f"sha512-{base64.b64encode(sha512).decode()}",  # W3C Subresource Integrity
            },
        )
    ]
    blobs = [Blob(key, file, "application/octet-stream", sha256_of(file))]
    if tag:
        facts.append(tag_fact(tag, version))
    if provenance is not None:
        body, predicate = checked_attestations(provenance, name, version, sha512)
        blobs.append(Blob(attestations_key(name, version), body, "application/json", sha256_of(body)))
        facts.append(Fact(f"attestations#{version}", {"predicateType": predicate, "sha256": sha256_of(body)}))
    marks = [Put(dependents_of(needed), name, {}) for needed in sorted(depends_on(manifest))]
    return Artifact(f"npm {name} {version}", blobs, [Change(NpmPackage(name), facts)], marks)


def depends_on(manifest: Mapping[str, Any]) -> set[str]:
    """Returns the names of the packages that npm installs together with the package of this package.json."""
    found = set[str]()
    for kind in _DEPENDENCIES:
        named = manifest.get(kind)
        if isinstance(named, dict):
            found |= {name for name in cast(dict[str, Any], named) if _NAME.fullmatch(name)}
    return found


def dependents_of(name: str) -> str:
    """Returns the database partition that lists the packages with at least one version that depends on `name`.

    The entries are never removed, so a listed package need not depend on `name` any more.
    """
    return f"npm-dependents#{name}"


def tag_fact(tag: str, version: str) -> Fact:
    """Returns the record that sets a dist-tag to a version, or removes the tag when `version` is empty.

    Raises RegistryError for a tag that npm does not accept.
    """
    if not _TAG.fullmatch(tag):
        raise RegistryError(
            f"dist-tag {tag!r}: starts with a letter, is no version, and holds letters, digits, . _ and -"
        )
    return Fact(f"tag#{tag}", {"version": version}, immutable=False)


def _digest(file: Path, algorithm: str) -> bytes:
    with file.open("rb") as body:
        return hashlib.file_digest(body, algorithm).digest()


def _package_json(file: Path) -> dict[str, Any]:
    try:
        with tarfile.open(file, "r:gz") as tar:
            for member in checked_members(file, tar):
                if re.fullmatch(r"[^/]+/package\.json", member.name) and member.isfile():
                    return _parsed(file, member, cast(IO[bytes], tar.extractfile(member)))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise RegistryError(f"{file}: is no npm tarball: {error}. Make one with: npm pack") from None
    raise RegistryError(f"{file}: has no package/package.json. Make the tarball with: npm pack")


def _parsed(file: Path, member: tarfile.TarInfo, content: IO[bytes]) -> dict[str, Any]:
    if member.size > _PACKAGE_JSON_BYTES:
        raise RegistryError(f"{file}: package.json has {member.size} bytes; at most {_PACKAGE_JSON_BYTES} are accepted")
    try:
        manifest: Any = json.loads(content.read().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{file}: package.json is no JSON: {error}") from None
    if not isinstance(manifest, dict):
        raise RegistryError(f"{file}: package.json holds no object")
    return cast(dict[str, Any], manifest)


def _checked_name(file: Path, manifest: Mapping[str, Any]) -> str:
    name = manifest.get("name")
    if not isinstance(name, str) or len(name) > _NAME_MAX or not _NAME.fullmatch(name):
        raise RegistryError(
            f"{file}: name {name!r} in package.json is not accepted; use up to {_NAME_MAX} small letters, digits, "
            "-, . and _, optionally behind a @scope/"
        )
    return name


def _checked_version(file: Path, manifest: Mapping[str, Any]) -> str:
    version = manifest.get("version")
    if not isinstance(version, str) or not semver.Version.is_valid(version) or "+" in version:
        raise RegistryError(
            f"{file}: version {version!r} in package.json is not accepted; use a semantic version without build "
            "metadata, such as 1.0.0 or 1.0.0-beta.1"
        )
    return version
