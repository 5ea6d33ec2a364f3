"""Reads an npm tarball. Returns the artifact to publish: the objects and metadata records of one package version.

Sources: npm docs, package.json; validate-npm-package-name; node-semver.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import semver

from registry import RegistryError
from registry.catalog.artifact import Artifact, Blob, Change, Fact, sha256_of
from registry.ecosystems.archives import Member, checked_members
from registry.ecosystems.package_json import bin_files, normalized
from registry.ecosystems.packument import PRELIMINARY, NpmPackage, attestations_key
from registry.ecosystems.provenance import checked_attestations
from registry.ecosystems.upstream import Upstream
from registry.metadata import Put

_NAME_MAX = 214
# npm forbids capital letters in names of new packages. Some older packages without a scope have capital letters, such
# as JSONStream.
_NAME = re.compile(r"@[a-z0-9~-][a-z0-9._~-]*/[a-z0-9~_-][a-z0-9._~-]*|[A-Za-z0-9~-][A-Za-z0-9._~-]*")
_RESERVED = ("node_modules", "favicon.ico")
# Matches an npm version. Like node-semver's loose mode, accepts a leading `v` or `=`, leading zeros in numbers, and a
# pre-release without a hyphen.
_LOOSE = re.compile(
    r"[v=\s]*([0-9]+)\.([0-9]+)\.([0-9]+)(?:-?([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]*)?\s*"
)
# Limits of a version that npm accepts: the length of the whole version, and the largest number in it (node-semver,
# MAX_LENGTH and MAX_SAFE_INTEGER).
_VERSION_MAX = 256
_NUMBER_MAX = (1 << 53) - 1
_GZIP = b"\x1f\x8b"  # the first two bytes of a gzip file (RFC 1952)
# These patterns match a dist-tag. npm refuses a tag that is a version or a range of versions, such as `v2`, `1.x` or
# `x` (npm docs, npm-dist-tag).
_PART = r"(?:[0-9]+|[xX])"
_RANGE = rf"v*{_PART}(?:\.{_PART}(?:\.{_PART}(?:-[A-Za-z0-9.-]+)?)?)?"
_TAG = re.compile(rf"(?!{_RANGE}\Z)[A-Za-z0-9][A-Za-z0-9._-]{{0,63}}")
_PACKAGE_JSON_BYTES = 1 << 20
_DEPENDENCIES = ("dependencies", "optionalDependencies", "peerDependencies")


@dataclass(frozen=True)
class _Tarball:
    """The parts of an npm tarball that the registry reads: its package.json, and data about its files."""

    manifest: dict[str, Any]
    contents: dict[str, Any]


def read(
    file: Path,
    tag: str = "",
    provenance: Path | None = None,
    upstream: Upstream | None = None,
    spec: str = "",
    *,
    imported: bool = False,
) -> Artifact:
    """Returns the artifact to publish for a tarball from `npm pack`.

    `tag` is a dist-tag to set. The tag `latest` is set automatically. It is the highest stable version, except versions
    that were published under another tag. `provenance` is a Sigstore bundle to publish with the version.

    If the version is imported from another registry, `upstream` contains what this registry states about the version.
    `spec` is the name and version in that registry. It takes precedence over the name and version in package.json,
    because clients install by `spec`.

    If `imported` is false, the fields `private` and `publishConfig.tag` of package.json have the same effect as for
    `npm publish`. Raises RegistryError for an invalid tarball, name, version, tag or bundle, and for a private package.
    """
    tarball = _opened(file, _named(spec))
    if not imported:
        _refuse_private(file, tarball.manifest)
        tag = tag or _configured_tag(tarball.manifest)
    name, version = _checked_name(file, tarball.manifest), _checked_version(file, tarball.manifest)
    unscoped = name.rsplit("/", 1)[-1]
    key = f"npm/{name}/-/{unscoped}-{version}.tgz"
    sha512 = _digest(file, "sha512")
    facts = [
        Fact(
            f"version#{version}",
            {
                "manifest": tarball.manifest,
                "file": key.rsplit("/", 1)[1],
                "shasum": _digest(file, "sha1").hex(),
                # npm expects a digest in the form of the W3C's "Subresource Integrity"
                "integrity": f"sha512-{base64.b64encode(sha512).decode()}",
            },
        ),
        # The record `contents#<version>` is mutable. A later release of the registry can therefore store more facts
        # about the same tarball.
        Fact(f"contents#{version}", tarball.contents, immutable=False),
    ]
    blobs = [Blob(key, file, "application/octet-stream", sha256_of(file))]
    if tag:
        facts.append(tag_fact(tag, version))
    if tag not in ("", "latest"):
        facts.append(Fact(f"{PRELIMINARY}#{version}", {"tag": tag}, immutable=False))
    if upstream is not None:
        facts += upstream.facts(version)
    if provenance is not None:
        body, predicate = checked_attestations(provenance, name, version, sha512)
        blobs.append(Blob(attestations_key(name, version), body, "application/json", sha256_of(body)))
        facts.append(Fact(f"attestations#{version}", {"predicateType": predicate, "sha256": sha256_of(body)}))
    marks = [Put(dependents_of(needed), name, {}) for needed in sorted(depends_on(tarball.manifest))]
    return Artifact(f"npm {name} {version}", blobs, [Change(NpmPackage(name), facts)], marks)


def depends_on(manifest: Mapping[str, Any]) -> set[str]:
    """Returns the names of the packages that package.json lists as dependencies."""
    normal = normalized(manifest, {})
    return {name for kind in _DEPENDENCIES for name in normal.get(kind, {}) if _NAME.fullmatch(name)}


def dependents_of(name: str) -> str:
    """Returns the database partition with the list of packages that depend on the package `name`. The list contains a
    package if one of its versions depends on `name`.

    A package stays in the list even after all these versions are unpublished. A listed package may therefore no longer
    depend on `name`.
    """
    return f"npm-dependents#{name}"


def tag_fact(tag: str, version: str) -> Fact:
    """Returns the metadata record that sets an npm dist-tag to a version. An empty `version` removes the tag.

    Raises RegistryError for a tag that npm does not accept.
    """
    if not _TAG.fullmatch(tag):
        raise RegistryError(
            f"dist-tag {tag!r}: begin with a letter or digit, and use letters, digits, . _ and -; a version or a range "
            "of versions, such as 1.x, cannot be a dist-tag"
        )
    return Fact(f"tag#{tag}", {"version": version}, immutable=False)


def _refuse_private(file: Path, manifest: Mapping[str, Any]) -> None:
    """Raises RegistryError for a package whose package.json forbids its publication (npm docs, package.json,
    "private").
    """
    if manifest.get("private"):
        raise RegistryError(
            f'{file}: package.json has "private": true, which forbids to publish the package; remove the field, and '
            "run npm pack again"
        )


def _configured_tag(manifest: Mapping[str, Any]) -> str:
    """Returns the dist-tag that package.json configures for `npm publish` (npm docs, package.json, "publishConfig"). A
    tag on the command line takes precedence over this tag. Returns an empty string if package.json configures no
    dist-tag.
    """
    config: Any = manifest.get("publishConfig")
    tag: Any = cast(dict[str, Any], config).get("tag") if isinstance(config, dict) else None
    return tag if isinstance(tag, str) else ""


def _digest(file: Path, algorithm: str) -> bytes:
    with file.open("rb") as body:
        return hashlib.file_digest(body, algorithm).digest()


def _named(spec: str) -> dict[str, str]:
    """Returns the name and the version in a string such as `@acme/web@1.0.0`. The result has the fields `name` and
    `version`.

    The string comes from a lockfile, which may state no version. The result then has no field `version`, and the caller
    uses the version in package.json.
    """
    name, _, version = spec.rpartition("@")
    return {field: text for field, text in (("name", name), ("version", version)) if name and text}


def _opened(file: Path, named: Mapping[str, str]) -> _Tarball:
    """Reads an npm tarball once, without unpacking it to disk. The fields in `named` replace the same fields of
    package.json.

    A tarball may be uncompressed, because npm unpacks such a tarball, too.

    Ignores the first directory in each member's path, because npm removes it when it installs the package. If several
    members are named package.json, uses the last one, because npm lets it overwrite the earlier ones.
    """
    manifest: dict[str, Any] | None = None
    sizes: dict[str, int] = {}
    try:
        with tarfile.open(file, "r:gz" if _is_gzip(file) else "r:", tarinfo=Member) as tar:
            for member in checked_members(file, tar):
                _, _, path = member.name.partition("/")
                if not member.isfile() or not path:
                    continue
                sizes[path] = member.size
                if path == "package.json":
                    manifest = _parsed(file, member, cast(IO[bytes], tar.extractfile(member)))
    except (tarfile.TarError, EOFError, OSError, ValueError, RecursionError, zlib.error) as error:
        raise RegistryError(f"{file}: is not an npm tarball: {error}. Make one with: npm pack") from None
    if manifest is None:
        raise RegistryError(f"{file}: has no package/package.json. Make the tarball with: npm pack")
    manifest |= named
    contents: dict[str, Any] = {
        "fileCount": len(sizes),
        "unpackedSize": sum(sizes.values()),
        "size": file.stat().st_size,
        "hasShrinkwrap": "npm-shrinkwrap.json" in sizes,
        "gyp": any("/" not in path and path.endswith(".gyp") for path in sizes),
        "binFiles": bin_files(manifest, sizes),
    }
    return _Tarball(manifest, contents)


def _is_gzip(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(len(_GZIP)) == _GZIP


def _parsed(file: Path, member: tarfile.TarInfo, content: IO[bytes]) -> dict[str, Any]:
    if member.size > _PACKAGE_JSON_BYTES:
        raise RegistryError(f"{file}: package.json has {member.size} bytes; at most {_PACKAGE_JSON_BYTES} are accepted")
    try:
        # npm decodes package.json as UTF-8, and replaces each invalid byte. The registry does the same, because some
        # old packages contain authors' names in Latin-1.
        text = content.read().decode("utf-8-sig", errors="replace")
        manifest: Any = json.loads(text, parse_constant=_no_constant, parse_float=_number, parse_int=_number)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{file}: package.json is not valid JSON: {error}") from None
    if not isinstance(manifest, dict):
        raise RegistryError(f"{file}: package.json is not a JSON object")
    return cast(dict[str, Any], manifest)


def _no_constant(name: str) -> None:
    """Raises ValueError for the values NaN and Infinity in a package.json. Python's JSON parser accepts these values,
    but JSON does not have them.
    """
    raise ValueError(f"{name} is not a JSON value")


def _number(text: str) -> int | float | None:
    """Returns the value of a number in a package.json. Returns None for a number that is too large for a float, such as
    1e999. JSON has no infinite number, and npm publishes such a number as null.
    """
    number = float(text)
    if not math.isfinite(number):
        return None
    return int(text) if text.removeprefix("-").isdecimal() else number


def _checked_name(file: Path, manifest: Mapping[str, Any]) -> str:
    name = manifest.get("name")
    stripped = name.strip() if isinstance(name, str) else ""
    if len(stripped) > _NAME_MAX or not _NAME.fullmatch(stripped) or stripped.lower() in _RESERVED:
        raise RegistryError(
            f"{file}: name {name!r} in package.json is not accepted; use up to {_NAME_MAX} letters, digits, -, . and "
            "_, optionally behind a @scope/ (small letters only)"
        )
    return stripped


def _checked_version(file: Path, manifest: Mapping[str, Any]) -> str:
    """Returns the version in a package.json, normalized as npm does it, and without build metadata.

    Raises RegistryError for a version that npm would not accept.
    """
    version = manifest.get("version")
    match = _LOOSE.fullmatch(version) if isinstance(version, str) and len(version) <= _VERSION_MAX else None
    found = _normal_version([int(part) for part in match.groups()[:3]], match[4] or "") if match else ""
    if not semver.Version.is_valid(found):
        raise RegistryError(
            f"{file}: version {version!r} in package.json is not accepted; use a semantic version such as 1.0.0 or "
            "1.0.0-beta.1"
        )
    return found


def _normal_version(numbers: Sequence[int], prerelease: str) -> str:
    """Returns a version in npm's form: removes leading zeros from all numbers, including the numbers of a pre-release.
    Returns an empty string for a version with a number that npm refuses.
    """
    if max(numbers) > _NUMBER_MAX:
        return ""
    identifiers = [
        str(int(each)) if each.isdecimal() and int(each) <= _NUMBER_MAX else each for each in prerelease.split(".")
    ]
    return ".".join(map(str, numbers)) + (f"-{'.'.join(identifiers)}" if prerelease else "")
