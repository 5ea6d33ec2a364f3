"""Selects the package versions that npm clients are most likely to install. Lists the dependencies of each version.

Sources: npm-pick-manifest (which version a range selects); npm docs, package.json (forms of a dependency's range).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import semver

from contract.predictions import FILE_BYTES, Release

# If one of these fields of a package.json is set, the version is for some platforms only. npm requests the tarball of
# such a version only on these platforms.
_PLATFORM = ("os", "cpu", "libc")
_ALIAS = "npm:"


def releases(versions: Mapping[str, Mapping[str, Any]], latest: str, sizes: Mapping[str, int]) -> Sequence[Release]:
    """Returns the version tagged `latest`, followed by the highest version of each other release line, from the newest
    line to the oldest.

    A release line consists of the versions that one caret range allows. They have the same major number or, below
    1.0.0, the same minor number. `versions` maps versions to their objects in the packument. `sizes` maps versions to
    the sizes of their tarballs in bytes.

    The edge prefetches the tarball of a returned release if the release's field `prefetched` is true. The field is
    false for a large tarball, and for a version that supports only some platforms. A tarball of unknown size counts as
    small.
    """
    highest: dict[tuple[int, int], str] = {}
    for version in sorted(versions, key=lambda each: _rank(each, versions[each])):
        highest[_line(version)] = version
    if latest:
        highest[_line(latest)] = latest
    others = sorted((each for each in highest.values() if each != latest), key=semver.Version.parse, reverse=True)
    chosen = [each for each in [latest, *others] if each]
    return [_release(each, versions[each], sizes.get(each, 0)) for each in chosen]


def _rank(version: str, manifest: Mapping[str, Any]) -> tuple[bool, bool, semver.Version]:
    """Returns the sort key of an npm version. Pre-releases come before stable versions. In each of these two groups,
    deprecated versions come first.
    """
    parsed = semver.Version.parse(version)
    return not parsed.prerelease, "deprecated" not in manifest, parsed


def _line(version: str) -> tuple[int, int]:
    parsed = semver.Version.parse(version)
    return (parsed.major, parsed.minor if parsed.major == 0 else 0)


def _release(version: str, manifest: Mapping[str, Any], size: int) -> Release:
    prefetched = size <= FILE_BYTES and not any(manifest.get(name) for name in _PLATFORM)
    return Release(version, dict(_dependencies(manifest)), prefetched)


def _dependencies(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the name and the version range of each dependency of an npm version. Leaves out dependencies that clients
    do not install from the registry.
    """
    bundled: Sequence[str] = manifest.get("bundleDependencies", ())
    about_peers: Mapping[str, Any] = manifest.get("peerDependenciesMeta", {})
    optional_peers = {name for name, about in about_peers.items() if about == {"optional": True}}
    for kind in ("dependencies", "optionalDependencies", "peerDependencies"):
        ranges: Mapping[str, str] = manifest.get(kind, {})
        for name, wanted in ranges.items():
            if name in bundled or (kind == "peerDependencies" and name in optional_peers):
                continue
            if wanted.startswith(_ALIAS):
                name, _, wanted = wanted.removeprefix(_ALIAS).rpartition("@")
            # A value with a colon or a slash is not a version range. It names another source, such as the URL of a git
            # repository.
            if name and ":" not in wanted and "/" not in wanted:
                yield name, wanted
