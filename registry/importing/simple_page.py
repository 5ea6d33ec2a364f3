"""Reads a Python project's page from another package index, in JSON or in HTML.

Sources: PEP 503 (HTML), 592 (yanks), 629 (API version), 691 (JSON), 700 (upload times), 708 (other repositories), 740
(attestations), 792 (status).
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, cast
from urllib.parse import unquote, urljoin

from registry import RegistryError
from registry.clock import in_utc
from registry.ecosystems.simple import Listing
from registry.importing import LeftOut, Refused

# The Accept header of requests to a simple index. pip sends the same header (PEP 691, "Version + Format Selection").
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_MARK = codecs.BOM_UTF8  # some servers send a byte order mark before a page, and pip ignores the mark
_FRAGMENT = re.compile(r"(?:^|&)(md5|sha1|sha224|sha256|sha384|sha512)=([0-9a-fA-F]+)")


@dataclass(frozen=True)
class ListedFile:
    """A file that another simple index lists. `hashes` maps algorithms to hex digests.

    `left_out` names facts that the other index states about the file, and that an import does not copy, such as
    attestations.
    """

    filename: str
    url: str
    hashes: Mapping[str, str]
    listing: Listing
    left_out: tuple[str, ...] = ()


def listed_files(url: str, body: bytes, project: str) -> Iterator[ListedFile | Refused | LeftOut]:
    """Yields the files that another package index lists. `body` is the index's page of a Python project.

    For an invalid entry of the page, yields `Refused`, which the import reports as a failure. Raises RegistryError for
    a page that is neither JSON nor HTML, and for a page of a later version of the API.
    """
    body = body.removeprefix(_MARK)
    if body.lstrip().startswith((b"{", b"[")):
        yield from _from_json(url, body, project)
    elif b"<" in body:
        yield from _from_html(url, body, project)
    else:
        raise RegistryError(f"{url}: answers with neither JSON nor HTML; use the URL of a simple index (PEP 503)")


def _from_json(url: str, body: bytes, project: str) -> Iterator[ListedFile | Refused | LeftOut]:
    try:
        page = _object(json.loads(body))
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{url}: answers with invalid JSON: {error}") from None
    files: Any = page.get("files")
    if not isinstance(files, list):
        raise RegistryError(f"{url}: has no list of files; use the URL of a simple index (PEP 691)")
    _check_version(url, _text(_object(page.get("meta")).get("api-version")))
    status = _object(page.get("project-status"))
    others = [page.get("alternate-locations"), _object(page.get("meta")).get("tracks")]
    repositories = [_text(url) for listed in others if isinstance(listed, list) for url in cast(list[Any], listed)]
    yield from _about(project, _text(status.get("status")), _text(status.get("reason")), repositories)
    for number, entry in enumerate(cast(list[Any], files), 1):
        file = _object(entry)
        filename, address = _text(file.get("filename")), _text(file.get("url"))
        if not filename or not address:
            yield Refused(f"pypi:{project}", f"{url}: file {number} has no {'url' if filename else 'filename'}")
            continue
        address, _, fragment = address.partition("#")
        yanked = file.get("yanked")
        uploaded = _text(file.get("upload-time"))
        yield ListedFile(
            filename,
            _joined(url, address),
            {**_digests(fragment), **_digests_in(file)},
            Listing(
                uploaded=in_utc(uploaded),
                requires_python=_text(file.get("requires-python")).strip(),
                yanked=bool(yanked),
                reason=_text(yanked),
            ),
            _parts_left_out(
                provenance=bool(file.get("provenance")),
                signature=bool(file.get("gpg-sig")),
                time=uploaded if not in_utc(uploaded) else "",
            ),
        )


def _about(project: str, status: str, reason: str, repositories: Sequence[str]) -> Iterator[LeftOut]:
    """Yields an entry for each fact about a whole project that an import does not copy. The source index can state the
    project's status (PEP 792), and other repositories that host the project (PEP 708).
    """
    if status not in ("", "active"):
        yield LeftOut(
            f"pypi:{project}", f"the status {status!r} of the project: {reason or 'no reason given'}", "project status"
        )
    for url in filter(None, repositories):
        yield LeftOut(f"pypi:{project}", f"the other repository of the project (PEP 708): {url}", "other repository")


def _from_html(url: str, body: bytes, project: str) -> Iterator[ListedFile | LeftOut]:
    page = _Page()
    page.feed(body.decode("utf-8", errors="replace"))
    page.close()
    _check_version(url, page.first("repository-version"))
    status, reason = page.first("project-status"), page.first("project-status-reason")
    yield from _about(project, status, reason, [*page.all("alternate-locations"), *page.all("tracks")])
    base = _joined(url, page.base)
    for link in page.links:
        address, _, fragment = link["href"].strip().partition("#")
        filename = unquote(address.partition("?")[0]).rsplit("/", 1)[-1]
        if not filename:
            continue
        yield ListedFile(
            filename,
            _joined(base, address),
            _digests(fragment),
            Listing(
                requires_python=link.get("data-requires-python", "").strip(),
                yanked="data-yanked" in link,
                reason=link.get("data-yanked", ""),
            ),
            _parts_left_out(
                provenance=bool(link.get("data-provenance")), signature=link.get("data-gpg-sig", "") == "true"
            ),
        )


def _digests_in(file: Mapping[str, Any]) -> dict[str, str]:
    return {name: each.lower() for name, each in _object(file.get("hashes")).items() if isinstance(each, str)}


def _digests(fragment: str) -> dict[str, str]:
    """Returns the digests in the fragment of a file's URL. pip uses the digests in these fragments both on HTML pages
    and on JSON pages.
    """
    return {name: digest.lower() for name, digest in _FRAGMENT.findall(fragment)}


@dataclass
class _Links:
    """The content of an HTML page of a simple index: links with their attributes, the base URL, and names and values of
    the `meta` elements whose names begin with `pypi:`.
    """

    links: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    base: str = ""
    metadata: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.metadata if each == name]

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")


class _Page(HTMLParser, _Links):
    def __init__(self) -> None:
        HTMLParser.__init__(self)
        _Links.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "a" and found.get("href"):
            self.links.append(found)
        elif tag == "base" and not self.base:
            self.base = found.get("href", "")
        elif tag == "meta" and found.get("name", "").startswith("pypi:"):
            self.metadata.append((found["name"].removeprefix("pypi:"), found.get("content", "").strip()))


def _joined(base: str, address: str) -> str:
    """Returns a link of a simple index's page as an absolute URL.

    Returns an invalid link unchanged. The import then fails only for the linked file.
    """
    try:
        return urljoin(base, address)
    except ValueError:
        return address


def _check_version(url: str, version: str) -> None:
    """Raises RegistryError if the major version of an index page is not 1. `version` is the page's API version. Clients
    must not read pages with another major version (PEP 629).
    """
    if version and version.partition(".")[0] != "1":
        raise RegistryError(f"{url}: has the API version {version}; this registry reads 1.x")


def _parts_left_out(*, provenance: bool, signature: bool, time: str = "") -> tuple[str, ...]:
    """Returns descriptions of the parts of a file's index entry that an import leaves out. `time` is the upload time in
    the index if it is invalid, and an empty string if it is valid or missing.
    """
    parts = {
        "its attestations (PEP 740)": provenance,
        "its PGP signature": signature,
        f"its upload time: the index states {time!r}, which is no time in ISO 8601": bool(time),
    }
    return tuple(part for part, there in parts.items() if there)


def _object(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
