"""Renders the documents that npm clients read about a package. The data come from the package's metadata records.

Sources: npm/registry, docs/REGISTRY-API.md and docs/responses/package-metadata.md; pacote, lib/registry.js, for
`dist.attestations`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import semver

from contract.predictions import encode
from registry.catalog.artifact import Document, Known, Reader
from registry.ecosystems.npm_releases import releases
from registry.ecosystems.package_json import normalized
from registry.ecosystems.successors import with_co_downloads, without_co_downloads
from registry.ecosystems.upstream import PACKAGE

# The kind of metadata record that marks a version as published under a dist-tag other than `latest`. As in npm's
# registry, the publication of such a version does not change `latest`.
PRELIMINARY = "published-under"
# The fields of a version that npm's abbreviated packument contains.
_ABBREVIATED = {
    *("name", "version", "deprecated", "bin", "directories", "dist", "engines", "os", "cpu", "libc", "funding"),
    *("dependencies", "optionalDependencies", "devDependencies", "bundleDependencies", "acceptDependencies"),
    *("peerDependencies", "peerDependenciesMeta", "hasInstallScript", "_hasShrinkwrap"),
}
# The fields at the top level of npm's full packument. Their values come from the version tagged `latest`.
_OF_LATEST = (
    *("author", "bugs", "contributors", "description", "homepage", "keywords"),
    *("license", "maintainers", "readme", "readmeFilename", "repository"),
)


@dataclass(frozen=True)
class NpmPackage:
    """An npm package. Its methods render the package's packument from metadata records.

    The records `version#<version>`, `attestations#<version>` and `unpublished#<version>` never change. The record
    `contents#<version>` describes the tarball's files. It does not exist for versions that an earlier release of the
    registry published. The records `tag#<dist-tag>` and `deprecated#<version>` can change. When a dist-tag or a
    deprecation is removed, the record stays and contains an empty string.

    The record `signature#<version>` contains the registry's signature. The records `upstream` and `upstream#<version>`
    contain what another registry stated about an imported package and its version.
    """

    name: str

    @property
    def partition(self) -> str:
        return f"npm#{self.name}"

    def documents(self, known: Known, touched: Collection[str], url: str, read: Reader) -> Sequence[Document]:
        """Renders the package's packument in both forms, full and abbreviated."""
        listed = listed_versions(known)
        versions = {version: self._version(version, known, url) for version in listed}
        times = {version: published(known, version) for version in versions}
        tags = dist_tags(known)
        modified = max(without_co_downloads(known).written.values())
        time = {"created": min([*times.values(), modified]), "modified": modified, **times}
        full: dict[str, Any] = {
            "_id": self.name,
            "name": self.name,
            "dist-tags": tags,
            "versions": versions,
            "time": time,
        }
        if versions:
            latest = versions[tags["latest"]]
            full |= {name: latest[name] for name in _OF_LATEST if name in latest}
        abbreviated = {
            "name": self.name,
            "modified": modified,
            "dist-tags": tags,
            "versions": {
                version: {name: value for name, value in manifest.items() if name in _ABBREVIATED}
                for version, manifest in versions.items()
            },
            # npm's own registry has no publication times in abbreviated packuments. pnpm reads the field `time` of an
            # abbreviated packument if its setting `registrySupportsTimeField` is on. It then does not need the full
            # packument for its setting `minimumReleaseAge` (pnpm/rfcs#2, pnpm/pnpm#13936).
            "time": time,
        }
        sizes = {version: fact.get("size", 0) for version, fact in known.of_kind("contents").items()}
        following = encode(with_co_downloads(releases(versions, tags.get("latest", ""), sizes), known))
        return [
            Document(f"npm/{self.name}/packument.json", "application/json", _as_json(full), following=following),
            Document(
                f"npm/{self.name}/packument.abbreviated.json",
                "application/vnd.npm.install-v1+json",
                _as_json(abbreviated),
                following=following,
            ),
        ]

    def _version(self, version: str, known: Known, url: str) -> dict[str, Any]:
        fact = known.facts[f"version#{version}"]
        contents = known.facts.get(f"contents#{version}", {})
        manifest: dict[str, Any] = {
            **normalized({**fact["manifest"], "name": self.name}, contents),
            "_id": f"{self.name}@{version}",
            "version": version,
        }
        manifest["dist"] = {
            "tarball": f"{url}/npm/{self.name}/-/{fact['file']}",
            "shasum": fact["shasum"],
            "integrity": fact["integrity"],
            **{name: contents[name] for name in ("fileCount", "unpackedSize") if name in contents},
        }
        attested = known.facts.get(f"attestations#{version}")
        if attested is not None:
            manifest["dist"]["attestations"] = {
                "url": f"{url}/npm/-/npm/v1/attestations/{self.name}@{version}",
                "provenance": {"predicateType": attested["predicateType"]},
            }
        signature = known.facts.get(f"signature#{version}")
        if signature is not None:
            manifest["dist"]["signatures"] = [dict(signature)]
        message = deprecation(known, version)
        if message is not None:
            manifest.pop("deprecated", None)
        if message:
            manifest["deprecated"] = message
        return manifest


def _as_json(document: Mapping[str, Any]) -> bytes:
    """Returns a document as JSON. Writes null for a number that JSON cannot represent.

    Earlier releases of the registry recorded such numbers from a package.json, for example 1e999. A single such number
    would make the packument unreadable for clients.
    """
    try:
        return json.dumps(document, allow_nan=False).encode()
    except ValueError:
        return json.dumps(json.loads(json.dumps(document), parse_constant=lambda _: None)).encode()


def attestations_key(name: str, version: str) -> str:
    """Returns the object key of the attestations document that `dist.attestations.url` points to."""
    return f"npm/{name}/attestations/{version}.json"


def published(known: Known, version: str) -> str:
    """Returns the time when an npm version was published. If the version was imported from another registry, returns
    the publication time in that registry, as far as it is known.
    """
    return known.facts.get(f"{PACKAGE}#{version}", {}).get("time") or known.written[f"version#{version}"]


def deprecation(known: Known, version: str) -> str | None:
    """Returns the deprecation message that an operator set for an npm version (command `deprecate`), or else the
    message that was imported from another registry. Returns an empty string if the operator removed the message.

    Returns None if there is neither message. In this case, the packument can still have a message from the version's
    package.json.
    """
    for record, name in ((f"deprecated#{version}", "message"), (f"{PACKAGE}#{version}", "deprecated")):
        if record in known.facts:
            return known.facts[record][name]
    return None


def listed_versions(known: Known) -> list[str]:
    """Returns the package's versions, sorted by Semantic Versioning. Leaves out unpublished versions."""
    return sorted(known.of_kind("version").keys() - known.of_kind("unpublished").keys(), key=semver.Version.parse)


def dist_tags(known: Known) -> Mapping[str, str]:
    """Returns a mapping from each dist-tag of an npm package to the version that the dist-tag points to.

    Tags that operators set take precedence over tags that were imported from another registry. Leaves out tags of
    unpublished versions.

    If nobody set `latest`, it is the highest stable version. If there is no stable version, it is the highest
    pre-release. A version that was published under another tag becomes `latest` only if there is no other version to
    choose.
    """
    listed = listed_versions(known)
    if not listed:
        return {}
    parsed = [semver.Version.parse(version) for version in listed]
    stable = [each for each in parsed if not each.prerelease] or parsed
    preliminary = known.of_kind(PRELIMINARY)
    latest = max([each for each in stable if str(each) not in preliminary] or stable)
    put = {tag: fact["version"] for tag, fact in known.of_kind("tag").items()}
    put = {**known.facts.get(PACKAGE, {}).get("dist-tags", {}), **put}
    return {"latest": str(latest), **{tag: version for tag, version in put.items() if version in listed}}
