"""Renders the pages of the PyPI simple index from the metadata records of projects.

Sources: PEP 503 and 629 (HTML index), 592 (yanking), 658 and 714 (metadata files), 691 and 700 (JSON).
"""

from __future__ import annotations

import html
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from packaging.version import InvalidVersion, Version

from contract.predictions import encode
from registry.catalog.artifact import Document, Fact, Known, Reader
from registry.ecosystems.python_releases import releases
from registry.ecosystems.successors import with_co_downloads

_JSON = "application/vnd.pypi.simple.v1+json"
_API_VERSION = "1.1"


def listed_files(known: Known) -> list[str]:
    """Returns the sorted filenames of a Python project's distributions. Leaves out unpublished files."""
    return sorted(known.of_kind("file").keys() - known.of_kind("unpublished").keys())


def files_of(known: Known, version: str) -> list[str]:
    """Returns the files of one version of a Python project. Compares versions as PEP 440 defines it: `1.0` equals
    `1.0.0`.
    """
    try:
        wanted = Version(version)
    except InvalidVersion:
        return []
    return [name for name in listed_files(known) if Version(known.facts[f"file#{name}"]["version"]) == wanted]


def has_metadata(known: Known, filename: str) -> bool:
    """Returns whether the registry serves a PEP 658 metadata file for the distribution."""
    return bool(known.facts[f"file#{filename}"]["metadata_sha256"])


@dataclass(frozen=True)
class Listing:
    """The metadata of a file in the Python index from which the file is imported: the upload time, the required Python
    version, and whether and why the file is yanked.

    A field is an empty string if the index does not state it.
    """

    uploaded: str = ""
    requires_python: str = ""
    yanked: bool = False
    reason: str = ""

    @property
    def id(self) -> str:
        """All statements of the index about this file, joined into one string. A repeated import skips the file if this
        string has not changed.
        """
        return f"{self.uploaded} {self.requires_python} {self.yanked} {self.reason}"

    def fact(self, filename: str) -> Fact:
        """Returns the metadata record `upstream#<filename>`. The record stores the statements of the file's source
        index about the file. A later import of the file replaces the record.
        """
        return Fact(f"upstream#{filename}", asdict(self), immutable=False)


def yanked(known: Known, filename: str) -> bool | str:
    """Returns the value of PEP 691's field `yanked` for a file. The value is False if the file is not yanked. For a
    yanked file, the value is the reason, or True if nobody stated a reason.

    The operator's commands `yank` and `unyank` take precedence over the value that an import found at another index.
    """
    here, there = known.facts.get(f"yanked#{filename}"), known.facts.get(f"upstream#{filename}")
    fact = here or there or {"yanked": False}
    return fact["yanked"] and (fact["reason"] or True)


def _requires_python(known: Known, filename: str) -> str:
    """Returns the field Requires-Python of a file, which names the Python versions that the file supports. For a file
    that was imported from another index, the value from that index takes precedence over the file's own metadata.
    """
    stated = known.facts.get(f"upstream#{filename}", {}).get("requires_python", "")
    text = known.facts.get(f"requires-python#{filename}", {}).get("text", "")
    return stated or text or known.facts[f"file#{filename}"]["requires_python"]


def _upload_time(known: Known, filename: str) -> str:
    """Returns a file's upload time (PEP 700). For an imported file, returns the upload time that the other index
    states. If the index states no time, returns the time at which this registry stored the file.
    """
    return known.facts.get(f"upstream#{filename}", {}).get("uploaded", "") or known.written[f"file#{filename}"]


@dataclass(frozen=True)
class PypiProject:
    """A Python project. `name` is normalized (PEP 503).

    The project's metadata records `file#<filename>`, `unpublished#<filename>` and `unpublished-version#<version>` never
    change. Five kinds of records can change. `yanked#<filename>` says whether the file is yanked (PEP 592).
    `requires-python#<filename>` contains the original text of Requires-Python, if it differs from the text in
    `file#<filename>`. `requires#<filename>` names the projects that the file requires. `license#<filename>` contains
    the file's licence. `upstream#<filename>` contains what another index stated about an imported file.
    """

    name: str

    @property
    def partition(self) -> str:
        return f"pypi#{self.name}"

    def documents(self, known: Known, touched: Collection[str], url: str, read: Reader) -> Sequence[Document]:
        """Renders the project's page of the simple index as HTML and as JSON."""
        files = {name: known.facts[f"file#{name}"] for name in listed_files(known)}
        html_page, json_page = self._html(files, known), json.dumps(self._json(files, known))
        installed = {name: fact for name, fact in files.items() if not yanked(known, name)}
        required = {name: fact["projects"] for name, fact in known.of_kind("requires").items()}
        following = encode(with_co_downloads(releases(installed, required), known))
        start = f"pypi/simple/{self.name}"
        return [
            Document(f"{start}/index.html", "text/html; charset=utf-8", html_page.encode(), following=following),
            Document(f"{start}/index.json", _JSON, json_page.encode(), following=following),
        ]

    def _path(self, filename: str) -> str:
        return f"/pypi/files/{self.name}/{filename}"

    def _html(self, files: Mapping[str, Mapping[str, Any]], known: Known) -> str:
        links: list[tuple[str, str, dict[str, str]]] = []
        for filename, fact in files.items():
            attributes: dict[str, str] = {}
            if requires_python := _requires_python(known, filename):
                attributes["data-requires-python"] = requires_python
            if fact["metadata_sha256"]:
                # The page omits `data-dist-info-metadata`, the older name of `data-core-metadata` (PEP 714). pip 22.3
                # to 23.0 reads the older attribute, and then compares project names without normalization. For the
                # requirement `pyyaml`, these versions would refuse the wheel, whose metadata has the name PyYAML.
                attributes["data-core-metadata"] = f"sha256={fact['metadata_sha256']}"
            reason = yanked(known, filename)
            if reason:
                attributes["data-yanked"] = "" if reason is True else reason
            links.append((f"{self._path(filename)}#sha256={fact['sha256']}", filename, attributes))
        return _page(f"Links for {self.name}", links)

    def _json(self, files: Mapping[str, Mapping[str, Any]], known: Known) -> dict[str, Any]:
        pythons = {filename: _requires_python(known, filename) for filename in files}
        licenses = known.of_kind("license")
        return {
            "meta": {"api-version": _API_VERSION},
            "name": self.name,
            "versions": sorted({fact["version"] for fact in files.values()}, key=Version),
            "files": [
                {
                    "filename": filename,
                    "url": self._path(filename),
                    "hashes": {"sha256": fact["sha256"]},
                    "size": fact["size"],
                    "upload-time": _upload_time(known, filename),
                    "yanked": yanked(known, filename),
                    **({"requires-python": pythons[filename]} if pythons[filename] else {}),
                    # The key `_license` is for the edge worker, because the edge policy can refuse files without a
                    # licence. PEP 691 reserves keys with a leading underscore for an index's own use. Clients therefore
                    # ignore the key.
                    **({"_license": licenses[filename]["text"]} if filename in licenses else {}),
                    **({"core-metadata": {"sha256": fact["metadata_sha256"]}} if fact["metadata_sha256"] else {}),
                }
                for filename, fact in files.items()
            ],
        }


@dataclass(frozen=True)
class PypiIndex:
    """The simple index's root page, which lists all projects."""

    partition: str = "pypi"

    def documents(self, known: Known, touched: Collection[str], url: str, read: Reader) -> Sequence[Document]:
        names = sorted(known.of_kind("project"))
        page = _page("Simple index", [(f"/pypi/simple/{name}/", name, {}) for name in names])
        listed = {"meta": {"api-version": _API_VERSION}, "projects": [{"name": name} for name in names]}
        return [
            Document("pypi/simple/index.html", "text/html; charset=utf-8", page.encode()),
            Document("pypi/simple/index.json", _JSON, json.dumps(listed).encode()),
        ]


def _escaped(text: str) -> str:
    """Escapes a string for the value of an HTML attribute. Also escapes line breaks: the edge removes links from a page
    line by line, so each link must be on one line.
    """
    return html.escape(text).replace("\r", "&#13;").replace("\n", "&#10;")


def _page(title: str, links: Sequence[tuple[str, str, Mapping[str, str]]]) -> str:
    """Renders an HTML page as PEP 503 defines it. Each link is a tuple of address, text and attributes."""
    lines = [
        "<!DOCTYPE html>",
        f'<html><head><meta name="pypi:repository-version" content="{_API_VERSION}"><title>{html.escape(title)}</title>'
        "</head><body>",
    ]
    for address, text, attributes in links:
        more = "".join(f' {name}="{_escaped(value)}"' for name, value in attributes.items())
        lines.append(f'<a href="{html.escape(address)}"{more}>{html.escape(text)}</a><br>')
    return "\n".join([*lines, "</body></html>", ""])
