"""Finds a package's files through another registry's API: npm packuments, or the pages of simple indexes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

import httpx
from packaging.utils import canonicalize_name

from registry import RegistryError
from registry.ecosystems.upstream import Upstream, upstream_of, without_manifests
from registry.importing import Found, LeftOut, Refused, Wanted, digest_of_integrity, strongest
from registry.importing.access import Access
from registry.importing.python_projects import files_to_import
from registry.importing.retries import repeated
from registry.importing.simple_page import ACCEPT, ListedFile, listed_files

_CHUNK = 1 << 20
# The maximum number of bytes in one PutObject request (S3 User Guide, "Uploading objects").
_LARGEST_FILE = 5 << 30
# This header tells servers to send a file without a content coding. Some servers send a .tar.gz file with the header
# `Content-Encoding: gzip`. httpx would decompress such a file.
_AS_IT_IS = {"Accept-Encoding": "identity"}
# The maximum number of packuments that an import keeps in memory. A small number is enough, because a lockfile lists
# the versions of one package one after another.
_PACKUMENTS_KEPT = 64


_Answer = TypeVar("_Answer")


class _Unknown(RegistryError):
    """Raised when the source registry of an import answers 404. This status means that the registry has no package of
    that name.
    """


class Api:
    """A client of the npm registries and Python indexes that packages are imported from.

    Like curl, the client reads proxies and certificate authorities from environment variables. Like pip, it takes
    credentials from URLs and the netrc file.
    """

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._access = Access()
        self._http = httpx.Client(follow_redirects=True, timeout=60, transport=transport, auth=self._access)
        self._about = lru_cache(_PACKUMENTS_KEPT)(self._read_about)

    def without_credentials(self, url: str) -> str:
        """Remembers the user name and the password in the URL of a registry for later requests to the same host.
        Returns the URL without them, so that no message shows the password.
        """
        return self._access.learned(url)

    def npm(self, registry: str, name: str, version: str, *, all_versions: bool = False) -> Iterator[Found]:
        """Yields the tarball of one version (by default `latest`) of an npm package, or the tarballs of all versions.
        Yields a `LeftOut` if the package has no versions, for example because all were unpublished.

        Raises RegistryError when the registry cannot be read or lacks the version.
        """
        packument = self._packument(registry, name)
        versions = _object(packument.get("versions"))
        chosen = version or _object(packument.get("dist-tags")).get("latest", "")
        if not all_versions and chosen not in versions:
            raise RegistryError(f"{registry}: has no version {chosen or 'tagged latest'!r} of {name}")
        if not versions:
            yield LeftOut(f"npm:{name}", f"{registry} lists no version of it", "package without versions")
        for number in versions if all_versions else [chosen]:
            yield _npm_version(packument, _object(versions[number]), name, number)

    def npm_upstream(self, registry: str, spec: str) -> Upstream:
        """Returns data about an npm version from the source registry of an import: publication time, deprecation and
        dist-tags.

        Raises RegistryError when the registry cannot be read.
        """
        name, _, version = spec.rpartition("@")
        return upstream_of(self._about(registry, name), version)

    def _read_about(self, registry: str, name: str) -> Any:
        return without_manifests(self._packument(registry, name))

    def _packument(self, registry: str, name: str) -> dict[str, Any]:
        """Fetches a package's full packument from another npm registry, because the abbreviated packument does not
        contain publication times.
        """
        url = f"{self._access.learned(registry).rstrip('/')}/{quote(name, safe='@')}"
        return self._json(url, "application/json")

    def pypi(
        self,
        indexes: Collection[str],
        name: str,
        version: str,
        *,
        all_versions: bool = False,
        hashes: frozenset[str] = frozenset(),
    ) -> Iterator[Found]:
        """Yields the files of one version or of all versions of a Python project.

        When several indexes list a file, the first index takes precedence. Raises RegistryError when no index has the
        project or the version.
        """
        project = canonicalize_name(name)
        urls = self._pages(indexes, project)
        entries = self._listed(urls, project)
        try:
            yield from files_to_import(project, entries, version, all_versions=all_versions, hashes=hashes)
        except RegistryError as error:
            raise RegistryError(f"{urls[0]}: {error}") from None

    def pypi_files(self, indexes: Collection[str], name: str) -> list[ListedFile]:
        """Returns all files that the given package indexes list for a Python project. Raises RegistryError when no
        index has the project.
        """
        project = canonicalize_name(name)
        listed = self._listed(self._pages(indexes, project), project)
        return [entry for entry in listed if isinstance(entry, ListedFile)]

    def _pages(self, indexes: Collection[str], project: str) -> list[str]:
        return [f"{self._access.learned(index).rstrip('/')}/{project}/" for index in indexes]

    def download(self, url: str, file: Path) -> None:
        """Streams the content of `url` to `file`. Raises RegistryError after several failed attempts, or if the content
        is too long for one object of the origin.
        """

        def attempt() -> None:
            address = self._access.secured(url)
            with self._http.stream("GET", address, headers=_AS_IT_IS) as answer, file.open("wb") as target:
                answer.raise_for_status()
                answer.headers.pop("Content-Encoding", None)
                for chunk in answer.iter_bytes(_CHUNK):
                    target.write(chunk)
                    if target.tell() > _LARGEST_FILE:
                        raise RegistryError(f"{url}: is longer than {_LARGEST_FILE} bytes, and cannot be imported")

        self._tried(url, attempt)

    def _listed(self, urls: Collection[str], project: str) -> list[ListedFile | Refused | LeftOut]:
        """Returns the files of a Python project that the index pages `urls` list. Each filename appears once, and the
        first page that lists it takes precedence. If a file cannot be imported or is left out, the result contains the
        reason.

        Raises RegistryError when no page exists.
        """
        found: dict[str, ListedFile | Refused | LeftOut] = {}
        unknown: list[str] = []
        for url in urls:
            try:
                page = self._get(url, ACCEPT)
            except _Unknown as error:
                unknown.append(str(error))
                continue
            for number, entry in enumerate(listed_files(str(page.url), page.content, project)):
                found.setdefault(entry.filename if isinstance(entry, ListedFile) else f"{url}#{number}", entry)
        if len(unknown) == len(urls):
            raise RegistryError("; ".join(unknown))
        return list(found.values())

    def _json(self, url: str, accept: str) -> dict[str, Any]:
        try:
            found: Any = self._get(url, accept).json()
        except ValueError:
            raise RegistryError(
                f"{url}: does not answer with JSON; use the URL of a registry that has {accept}"
            ) from None
        return _object(found)

    def _get(self, url: str, accept: str) -> httpx.Response:
        def attempt() -> httpx.Response:
            answer = self._http.get(url, headers={"Accept": accept})
            answer.raise_for_status()
            return answer

        return self._tried(url, attempt)

    def _tried(self, url: str, attempt: Callable[[], _Answer]) -> _Answer:
        try:
            return repeated(attempt)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error.response.status_code) if isinstance(error, httpx.HTTPStatusError) else str(error)
            kind = _Unknown if reason == "404" else RegistryError
            raise kind(f"{url}: cannot be fetched: {reason}") from None


def _object(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _npm_version(packument: Any, manifest: Mapping[str, Any], name: str, number: str) -> Wanted | Refused:
    """Returns the tarball of an npm version as an item to import.

    If the version has no tarball or no digest, returns an item that counts as failed. The import then continues with
    the other versions.
    """
    title = f"{name}@{number}"
    dist = {field: text for field, text in _object(manifest.get("dist")).items() if isinstance(text, str)}
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
