"""npm packages: from a tarball to what the registry API answers.

Sources: npm/registry, docs/REGISTRY-API.md and docs/responses/package-metadata.md; package.json documentation.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tarfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import semver

from registry import RegistryError
from registry.archives import checked_members
from registry.artifact import Artifact, Blob, Change, Document, Fact, Known, Reader, sha256_of

_NAME = re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*")
_NAME_MAX = 214
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_PACKAGE_JSON_BYTES = 1 << 20
_ABBREVIATED = {
    *("name", "version", "deprecated", "bin", "directories", "dist", "engines", "os", "cpu", "libc", "funding"),
    *("dependencies", "optionalDependencies", "devDependencies", "bundleDependencies"),
    *("peerDependencies", "peerDependenciesMeta", "hasInstallScript", "_hasShrinkwrap"),
}
"""Fields of a version in the abbreviated packument."""
_INSTALL_SCRIPTS = {"preinstall", "install", "postinstall"}


@dataclass(frozen=True)
class NpmPackage:
    name: str

    @property
    def partition(self) -> str:
        return f"npm#{self.name}"

    def documents(self, known: Known, touched: Collection[str], url: str, read: Reader) -> Sequence[Document]:
        """The packument, full and abbreviated."""
        versions = {
            version: _version_object(self.name, version, fact, url)
            for version, fact in sorted(
                known.of_kind("version").items(), key=lambda item: semver.Version.parse(item[0])
            )
        }
        times = {version: known.written[f"version#{version}"] for version in versions}
        tags = _tags(versions, known)
        full: dict[str, Any] = {
            "_id": self.name,
            "name": self.name,
            "dist-tags": tags,
            "versions": versions,
            "time": {"created": min(times.values()), "modified": max(times.values()), **times},
        }
        latest = versions[tags["latest"]]
        full |= {name: latest[name] for name in ("description", "license", "homepage", "repository") if name in latest}
        abbreviated = {
            "name": self.name,
            "modified": max(times.values()),
            "dist-tags": tags,
            "versions": {
                version: {name: value for name, value in manifest.items() if name in _ABBREVIATED}
                for version, manifest in versions.items()
            },
        }
        return [
            Document(f"npm/{self.name}/packument.json", "application/json", json.dumps(full).encode()),
            Document(
                f"npm/{self.name}/packument.abbreviated.json",
                "application/vnd.npm.install-v1+json",
                json.dumps(abbreviated).encode(),
            ),
        ]


def read(file: Path, tag: str = "") -> Artifact:
    """The package in a tarball as `npm pack` makes it. `tag` is a dist-tag to put on it.

    `latest` needs none: it is the highest version that is no pre-release, unless a tag says otherwise.
    """
    manifest = _package_json(file)
    name, version = _checked_name(file, manifest), _checked_version(file, manifest)
    if tag and not _TAG.fullmatch(tag):
        raise RegistryError(f"--tag {tag!r}: a dist-tag starts with a letter and holds letters, digits, . _ and -")
    unscoped = name.rsplit("/", 1)[-1]
    key = f"npm/{name}/-/{unscoped}-{version}.tgz"
    body = file.read_bytes()
    facts = [
        Fact(
            f"version#{version}",
            {
                "manifest": manifest,
                "file": key.rsplit("/", 1)[1],
                "shasum": hashlib.sha1(body, usedforsecurity=False).hexdigest(),
                "integrity": _integrity(body),
            },
        )
    ]
    if tag:
        facts.append(Fact(f"tag#{tag}", {"version": version}, immutable=False))
    blob = Blob(key, file, "application/octet-stream", sha256_of(body))
    return Artifact(f"npm {name} {version}", [blob], [Change(NpmPackage(name), facts)])


def _integrity(body: bytes) -> str:
    """Subresource Integrity, as npm checks it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(body).digest()).decode()}"


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


def _version_object(name: str, version: str, fact: Mapping[str, Any], url: str) -> dict[str, Any]:
    manifest: dict[str, Any] = {**fact["manifest"], "_id": f"{name}@{version}"}
    scripts = manifest.get("scripts")
    if isinstance(scripts, dict) and _INSTALL_SCRIPTS & cast(dict[str, Any], scripts).keys():
        manifest["hasInstallScript"] = True
    manifest["dist"] = {
        "tarball": f"{url}/npm/{name}/-/{fact['file']}",
        "shasum": fact["shasum"],
        "integrity": fact["integrity"],
    }
    return manifest


def _tags(versions: Mapping[str, Any], known: Known) -> dict[str, str]:
    parsed = [semver.Version.parse(version) for version in versions]
    latest = max([each for each in parsed if not each.prerelease] or parsed)
    return {"latest": str(latest), **{tag: fact["version"] for tag, fact in known.of_kind("tag").items()}}
