"""Reads data about an npm version from the registry that it is imported from: time, deprecation and dist-tags.

An import publishes these data with the version, because npm clients use them to choose a version. Sources:
npm/registry, docs/responses/package-metadata.md; npm-pick-manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from registry.catalog.artifact import Fact
from registry.clock import in_utc

# The name of a metadata record about an imported npm package. This record stores what the source registry states about
# the whole package. The record `upstream#<version>` stores what the source registry states about one version.
PACKAGE = "upstream"


@dataclass(frozen=True)
class Upstream:
    """Data about an npm version and its package, from the registry that the version is imported from.

    An empty string means that the registry states nothing. `left_out` says which data the import does not copy, and
    why.
    """

    time: str = ""
    deprecated: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    left_out: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """A string with the data that the source registry states about the version and its package. If the string has
        changed since the last import, the next import does not skip the version.
        """
        return f"{self.time} {self.deprecated} {sorted(self.tags.items())}"

    def facts(self, version: str) -> list[Fact]:
        """Returns metadata records with the data from the registry that the version is imported from. One record
        contains the version's time of publication and its deprecation. If the package has dist-tags, a second record
        contains them. A later import replaces the records.
        """
        about = {"time": self.time, "deprecated": self.deprecated}
        found = [Fact(f"{PACKAGE}#{version}", about, immutable=False)]
        if self.tags:
            found.append(Fact(PACKAGE, {"dist-tags": dict(sorted(self.tags.items()))}, immutable=False))
        return found


def upstream_of(packument: Any, version: str) -> Upstream:
    """Returns the data about a version from a full packument of the source registry. Ignores values of a wrong type in
    the packument.
    """
    stated = _object(_object(packument).get("time")).get(version)
    time = in_utc(stated) if isinstance(stated, str) else ""
    manifest = _object(_object(_object(packument).get("versions")).get(version))
    deprecated = manifest.get("deprecated")
    tags = _object(_object(packument).get("dist-tags"))
    left_out = {
        f"its time: the registry states {stated!r}, which is no time in ISO 8601": stated and not time,
        "its provenance: publish the version with --provenance to keep the Sigstore bundle": "attestations"
        in _object(manifest.get("dist")),
    }
    return Upstream(
        time=time,
        deprecated=deprecated if isinstance(deprecated, str) else "this version is deprecated" if deprecated else "",
        tags={tag: each for tag, each in tags.items() if isinstance(each, str)},
        left_out=tuple(reason for reason, is_true in left_out.items() if is_true),
    )


def without_manifests(packument: Any) -> dict[str, Any]:
    """Returns a packument reduced to the fields that `upstream_of` reads, to save memory."""
    versions = {
        version: {"deprecated": _object(each).get("deprecated"), "dist": _dist(each)}
        for version, each in _object(_object(packument).get("versions")).items()
    }
    about = {name: _object(_object(packument).get(name)) for name in ("time", "dist-tags")}
    return {**about, "versions": versions}


def _dist(manifest: Any) -> dict[str, Any]:
    return {name: each for name, each in _object(_object(manifest).get("dist")).items() if name == "attestations"}


def _object(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
