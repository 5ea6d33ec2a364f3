"""Finds a package's files through another registry's API: npm packuments, or PyPI's simple index (PEP 691)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urljoin

import httpx
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from registry import RegistryError
from registry.ecosystems.upstream import Upstream, upstream_of, without_manifests
from registry.importing import Refused, Wanted, digest_of_integrity, strongest
from registry.importing.access import Access

_TRIES = 3
_CHUNK = 1 << 20
# A lockfile lists the versions of a package next to each other.
_PACKUMENTS_KEPT = 64
_JSON = "application/vnd.pypi.simple.v1+json"


class _Unknown(RegistryError):
    """Raised when the registry answers 404: the registry has no package of that name."""


class Api:
    """A client of other npm and PyPI registries.

    Proxies and certificate authorities come from the environment, as in curl. Credentials come from URLs and netrc, as
    in pip.
    """

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._access = Access()
        self._http = httpx.Client(follow_redirects=True, timeout=60, transport=transport, auth=self._access)
        self._about = lru_cache(_PACKUMENTS_KEPT)(self._read_about)

    def npm(self, registry: str, name: str, version: str, *, all_versions: bool = False) -> Iterator[Wanted | Refused]:
        """Yields the tarball of one version (by default `latest`) or of all versions of an npm package.

        Raises RegistryError when the registry cannot be read or lacks the version.
        """
        packument = self._packument(registry, name)
        versions: dict[str, Any] = packument.get("versions", {})
        chosen = version or packument.get("dist-tags", {}).get("latest", "")
        if not all_versions and chosen not in versions:
            raise RegistryError(f"{registry}: has no version {chosen or 'tagged latest'!r} of {name}")
        for number in versions if all_versions else [chosen]:
            yield _npm_version(packument, name, number)

    def npm_upstream(self, registry: str, spec: str) -> Upstream:
        """Returns what an npm registry says about a version besides the tarball. Raises RegistryError if unreadable."""
        name, _, version = spec.rpartition("@")
        return upstream_of(self._about(registry, name), version)

    def _read_about(self, registry: str, name: str) -> Any:
        return without_manifests(self._packument(registry, name))

    def _packument(self, registry: str, name: str) -> dict[str, Any]:
        """Returns the full packument: the abbreviated form has no times."""
        url = f"{self._access.learned(registry).rstrip('/')}/{quote(name, safe='@')}"
        return self._json(url, "application/json")

    def pypi(
        self,
        indexes: Collection[str],
        name: str,
        version: str,
        *,
        all_versions: bool = False,
        hashes: Collection[str] = (),
    ) -> Iterator[Wanted]:
        """Yields the files of one version or of all versions of a Python project.

        Without `version`, that is the highest release that is not yanked. When several indexes list a file, the first
        index wins. With `hashes`, only files with one of these SHA-256 digests are yielded. Raises RegistryError.
        """
        urls = [f"{self._access.learned(index).rstrip('/')}/{canonicalize_name(name)}/" for index in indexes]
        files = _by_version(self._listed(urls))
        releases = [each for each, listed in files.items() if not each.is_prerelease and not listed[0].get("yanked")]
        try:
            chosen = Version(version) if version else max(releases, default=None)
        except InvalidVersion:
            raise RegistryError(f"{name}: {version!r} is no version (PEP 440)") from None
        if not all_versions and chosen not in files:
            raise RegistryError(f"{urls[0]}: has no {f'version {version}' if version else 'release'} of {name}")
        for each in files if all_versions else [cast(Version, chosen)]:
            for file in files[each]:
                digest = strongest(file["hashes"], file["filename"])
                if not hashes or digest.removeprefix("sha256:") in hashes:
                    yield Wanted("pypi", file["url"], file["filename"], digest)

    def download(self, url: str, file: Path) -> None:
        """Streams the content of `url` to `file`. Raises RegistryError after several failed attempts."""
        for attempt in range(1, _TRIES + 1):
            try:
                with self._http.stream("GET", url) as answer, file.open("wb") as target:
                    answer.raise_for_status()
                    for chunk in answer.iter_bytes(_CHUNK):
                        target.write(chunk)
                return
            except httpx.HTTPError as error:
                _give_up(url, error, last=attempt == _TRIES)

    def _listed(self, urls: Collection[str]) -> list[dict[str, Any]]:
        """Returns the project's files at all indexes. Raises RegistryError when no index has the project."""
        found: dict[str, dict[str, Any]] = {}
        unknown: list[str] = []
        for url in urls:
            try:
                files: list[dict[str, Any]] = self._json(url, _JSON).get("files", [])
            except _Unknown as error:
                unknown.append(str(error))
                continue
            for file in files:
                found.setdefault(file["filename"], {**file, "url": urljoin(url, file["url"])})
        if len(unknown) == len(urls):
            raise RegistryError("; ".join(unknown))
        return list(found.values())

    def _json(self, url: str, accept: str) -> dict[str, Any]:
        tries = 0
        while True:
            tries += 1
            try:
                answer = self._http.get(url, headers={"Accept": accept})
                answer.raise_for_status()
                found: Any = answer.json()
                return cast(dict[str, Any], found)
            except httpx.HTTPError as error:
                _give_up(url, error, last=tries == _TRIES)
            except ValueError:
                raise RegistryError(f"{url}: answers with no JSON; an index is needed that has {accept}") from None


def _npm_version(packument: Mapping[str, Any], name: str, number: str) -> Wanted | Refused:
    """Returns the tarball of a version. A version without a tarball or a digest stops no other version."""
    title = f"{name}@{number}"
    dist: Any = packument["versions"][number].get("dist") or {}
    try:
        digest = (
            digest_of_integrity(dist["integrity"], title)
            if dist.get("integrity")
            else strongest({"sha1": dist.get("shasum", "")}, title)
        )
    except RegistryError as error:
        return Refused(title, str(error))
    if not dist.get("tarball"):
        return Refused(title, f"{title}: the registry has no tarball of it")
    location, upstream = dist["tarball"], upstream_of(packument, number)
    return Wanted("npm", location, location.rsplit("/", 1)[-1], digest, spec=title, upstream=upstream)


def _give_up(url: str, error: httpx.HTTPError, *, last: bool) -> None:
    """Raises RegistryError on the last attempt, and for a status below 500, which a retry would not change."""
    refused = isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500
    if refused or last:
        reason = f"{error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else str(error)
        kind = _Unknown if reason == "404" else RegistryError
        raise kind(f"{url}: cannot be fetched: {reason}") from None


def _by_version(files: list[dict[str, Any]]) -> Mapping[Version, list[dict[str, Any]]]:
    """Groups the wheels and the sdists (PEP 625) by version.

    Other formats (.zip sdists, eggs, installers) are left out, because they cannot be published here.
    """
    found: dict[Version, list[dict[str, Any]]] = {}
    for file in files:
        name = file["filename"]
        try:
            version = parse_wheel_filename(name)[1] if name.endswith(".whl") else parse_sdist_filename(name)[1]
        except (InvalidWheelFilename, InvalidSdistFilename):
            continue
        if not name.endswith(".zip"):
            found.setdefault(version, []).append(file)
    return found
