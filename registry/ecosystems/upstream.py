"""What the npm registry of an import says about a version besides the tarball: its time, deprecation and dist-tags.

These decide which version a client picks. Sources: npm/registry, docs/responses/package-metadata.md; npm-pick-manifest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from registry.catalog.artifact import Fact

# ISO 8601 in UTC, as npm registries write it and as `Date.parse` of JavaScript reads it.
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z")
# The name of the record about the package. The record about a version is `upstream#<version>`.
PACKAGE = "upstream"


@dataclass(frozen=True)
class Upstream:
    """What another registry says about one version and its package. An empty string means that it says nothing."""

    time: str = ""
    deprecated: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    attested: bool = False

    @property
    def id(self) -> str:
        """Returns a text that changes whenever the facts change."""
        return f"{self.time} {self.deprecated} {sorted(self.tags.items())}"

    def facts(self, version: str) -> list[Fact]:
        """Returns the metadata records. A later import replaces them, as the other registry may have changed."""
        about = {"time": self.time, "deprecated": self.deprecated}
        found = [Fact(f"{PACKAGE}#{version}", about, immutable=False)]
        if self.tags:
            found.append(Fact(PACKAGE, {"dist-tags": dict(sorted(self.tags.items()))}, immutable=False))
        return found


def upstream_of(packument: Any, version: str) -> Upstream:
    """Reads a full packument. Values of another type than the source describes are passed over."""
    time = _object(_object(packument).get("time")).get(version)
    manifest = _object(_object(_object(packument).get("versions")).get(version))
    deprecated = manifest.get("deprecated")
    tags = _object(_object(packument).get("dist-tags"))
    return Upstream(
        time=time if isinstance(time, str) and _TIME.fullmatch(time) else "",
        deprecated=deprecated if isinstance(deprecated, str) else "this version is deprecated" if deprecated else "",
        tags={tag: each for tag, each in tags.items() if isinstance(each, str)},
        attested="attestations" in _object(manifest.get("dist")),
    )


def without_manifests(packument: Any) -> dict[str, Any]:
    """Returns a small packument that has all that `upstream_of` reads."""
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
