"""Reads what another npm registry states about an imported version: its time, its deprecation and its dist-tags.

The registry publishes these data with the version, because clients choose a version by them. Sources: npm/registry,
docs/responses/package-metadata.md; npm-pick-manifest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from registry.catalog.artifact import Fact

# A time as npm registries write it, and as JavaScript's `Date.parse` reads it: ISO 8601 in UTC.
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z")
# The name of the metadata record with what another registry states about an npm package. The record about a version is
# `upstream#<version>`.
PACKAGE = "upstream"


@dataclass(frozen=True)
class Upstream:
    """What another npm registry states about a version and its package.

    An empty string means that the registry states nothing.
    """

    time: str = ""
    deprecated: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    attested: bool = False

    @property
    def id(self) -> str:
        """A text that identifies what the other npm registry states about the version. When the other registry states
        something new, the text changes, and a repeated import does not skip the version.
        """
        return f"{self.time} {self.deprecated} {sorted(self.tags.items())}"

    def facts(self, version: str) -> list[Fact]:
        """Returns the metadata records of what the other npm registry states. A later import replaces the records."""
        about = {"time": self.time, "deprecated": self.deprecated}
        found = [Fact(f"{PACKAGE}#{version}", about, immutable=False)]
        if self.tags:
            found.append(Fact(PACKAGE, {"dist-tags": dict(sorted(self.tags.items()))}, immutable=False))
        return found


def upstream_of(packument: Any, version: str) -> Upstream:
    """Reads what another npm registry's full packument states about a version. Values of a wrong type are ignored."""
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
