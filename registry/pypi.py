"""Python distributions: from a wheel or an sdist to the simple index.

Sources: PEP 427 (wheels), 503 and 629 (HTML index), 592 (yanking), 658 and 714 (metadata files), 691 and 700 (JSON).
"""

from __future__ import annotations

import html
import json
import tarfile
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from packaging.metadata import InvalidMetadata, Metadata
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from registry import RegistryError
from registry.archives import checked_members, refuse_outside
from registry.artifact import Artifact, Blob, Change, Document, Fact, Known, Reader, sha256_of

_METADATA_BYTES = 4 << 20
_JSON = "application/vnd.pypi.simple.v1+json"
_API_VERSION = "1.1"


def listed_files(known: Known) -> list[str]:
    """Those that were not unpublished."""
    return sorted(known.of_kind("file").keys() - known.of_kind("unpublished").keys())


def files_of(known: Known, version: str) -> list[str]:
    """The listed files of a version, however its number is written (PEP 440)."""
    try:
        wanted = Version(version)
    except InvalidVersion:
        return []
    return [name for name in listed_files(known) if Version(known.facts[f"file#{name}"]["version"]) == wanted]


def has_metadata(known: Known, filename: str) -> bool:
    """Whether a PEP 658 file stands beside it."""
    return bool(known.facts[f"file#{filename}"]["metadata_sha256"])


def _yanked(known: Known, filename: str) -> bool | str:
    """As PEP 691 writes it: the reason, True where none was given, False where the file is not yanked."""
    fact = known.facts.get(f"yanked#{filename}", {"yanked": False})
    return fact["yanked"] and (fact["reason"] or True)


@dataclass(frozen=True)
class PypiProject:
    """`name` is canonical (PEP 503). Its facts: `file#<filename>` and `unpublished#<filename>` never change,
    `yanked#<filename>` (PEP 592) does."""

    name: str

    @property
    def partition(self) -> str:
        return f"pypi#{self.name}"

    def documents(self, known: Known, touched: Collection[str], url: str, read: Reader) -> Sequence[Document]:
        """The project's page, as HTML and as JSON."""
        files = {name: known.facts[f"file#{name}"] for name in listed_files(known)}
        html_page = self._html(files, known)
        return [
            Document(f"pypi/simple/{self.name}/index.html", "text/html; charset=utf-8", html_page.encode()),
            Document(f"pypi/simple/{self.name}/index.json", _JSON, json.dumps(self._json(files, known)).encode()),
        ]

    def _path(self, filename: str) -> str:
        return f"/pypi/files/{self.name}/{filename}"

    def _html(self, files: Mapping[str, Mapping[str, Any]], known: Known) -> str:
        links: list[tuple[str, str, dict[str, str]]] = []
        for filename, fact in files.items():
            attributes: dict[str, str] = {}
            if fact["requires_python"]:
                attributes["data-requires-python"] = fact["requires_python"]
            if fact["metadata_sha256"]:
                attributes["data-core-metadata"] = f"sha256={fact['metadata_sha256']}"
                attributes["data-dist-info-metadata"] = attributes["data-core-metadata"]  # the name until PEP 714
            yanked = _yanked(known, filename)
            if yanked:
                attributes["data-yanked"] = "" if yanked is True else yanked
            links.append((f"{self._path(filename)}#sha256={fact['sha256']}", filename, attributes))
        return _page(f"Links for {self.name}", links)

    def _json(self, files: Mapping[str, Mapping[str, Any]], known: Known) -> dict[str, Any]:
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
                    "upload-time": known.written[f"file#{filename}"],
                    "yanked": _yanked(known, filename),
                    **({"requires-python": fact["requires_python"]} if fact["requires_python"] else {}),
                    **({"core-metadata": {"sha256": fact["metadata_sha256"]}} if fact["metadata_sha256"] else {}),
                }
                for filename, fact in files.items()
            ],
        }


@dataclass(frozen=True)
class PypiIndex:
    """The list of all projects."""

    partition: str = "pypi"

    def documents(self, known: Known, touched: Collection[str], url: str, read: Reader) -> Sequence[Document]:
        names = sorted(known.of_kind("project"))
        page = _page("Simple index", [(f"/pypi/simple/{name}/", name, {}) for name in names])
        listed = {"meta": {"api-version": _API_VERSION}, "projects": [{"name": name} for name in names]}
        return [
            Document("pypi/simple/index.html", "text/html; charset=utf-8", page.encode()),
            Document("pypi/simple/index.json", _JSON, json.dumps(listed).encode()),
        ]


def read(file: Path) -> Artifact:
    """The distribution in a wheel or an sdist."""
    if file.suffix == ".whl":
        name, version = _name_of_wheel(file)
        raw = _metadata_of_wheel(file)
    else:
        name, version = _name_of_sdist(file)
        raw = _metadata_of_sdist(file)
    metadata = _checked_metadata(file, raw, name, version)
    digest = sha256_of(file)
    key = f"pypi/files/{name}/{file.name}"
    blobs = [Blob(key, file, "application/octet-stream", digest)]
    served = file.suffix == ".whl"  # what an sdist says of itself need not hold for the wheel that is built of it
    if served:
        blobs.append(Blob(f"{key}.metadata", raw, "text/plain; charset=utf-8", sha256_of(raw)))
    fact = Fact(
        f"file#{file.name}",
        {
            "version": str(version),
            "sha256": digest,
            "size": file.stat().st_size,
            "requires_python": str(metadata.requires_python or ""),
            "metadata_sha256": sha256_of(raw) if served else "",
        },
    )
    listed = Change(PypiIndex(), [Fact(f"project#{name}", {"name": name})])
    return Artifact(f"pypi {file.name}", blobs, [Change(PypiProject(name), [fact]), listed])


def _name_of_wheel(file: Path) -> tuple[str, Version]:
    try:
        name, version, _, _ = parse_wheel_filename(file.name)
    except InvalidWheelFilename as error:
        raise RegistryError(f"{file}: the name of a wheel is name-version-python-abi-platform.whl: {error}") from None
    return name, version


def _name_of_sdist(file: Path) -> tuple[str, Version]:
    try:
        return parse_sdist_filename(file.name)
    except InvalidSdistFilename as error:
        raise RegistryError(f"{file}: the name of an sdist is name-version.tar.gz: {error}") from None


def _metadata_of_wheel(file: Path) -> bytes:
    try:
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                refuse_outside(file, name)
            return _member_of_wheel(file, archive)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise RegistryError(f"{file}: is no wheel: {error}. Build one with: python -m build") from None


def _member_of_wheel(file: Path, archive: zipfile.ZipFile) -> bytes:
    directories = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
    if len(directories) != 1:
        raise RegistryError(f"{file}: holds {len(directories)} .dist-info directories; a wheel has one")
    directory = directories.pop()
    for name in ("METADATA", "WHEEL", "RECORD"):
        if f"{directory}/{name}" not in archive.namelist():
            raise RegistryError(f"{file}: has no {directory}/{name}; build the wheel with: python -m build")
    if archive.getinfo(f"{directory}/METADATA").file_size > _METADATA_BYTES:
        raise RegistryError(f"{file}: METADATA is larger than {_METADATA_BYTES >> 20} MiB")
    return archive.read(f"{directory}/METADATA")


def _metadata_of_sdist(file: Path) -> bytes:
    try:
        with tarfile.open(file, "r:gz") as tar:
            for member in checked_members(file, tar):
                if member.isfile() and member.name.count("/") == 1 and member.name.endswith("/PKG-INFO"):
                    if member.size > _METADATA_BYTES:
                        raise RegistryError(f"{file}: PKG-INFO is larger than {_METADATA_BYTES >> 20} MiB")
                    return cast(IO[bytes], tar.extractfile(member)).read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise RegistryError(f"{file}: is no sdist: {error}. Build one with: python -m build --sdist") from None
    raise RegistryError(f"{file}: has no PKG-INFO; build the sdist with: python -m build --sdist")


def _checked_metadata(file: Path, raw: bytes, name: str, version: Version) -> Metadata:
    try:
        metadata = Metadata.from_email(raw, validate=True)
    except (ExceptionGroup, InvalidMetadata, UnicodeDecodeError) as error:
        reasons = getattr(error, "exceptions", [error])
        raise RegistryError(f"{file}: its metadata is not valid: {'; '.join(str(each) for each in reasons)}") from None
    if canonicalize_name(metadata.name) != name or metadata.version != version:
        raise RegistryError(
            f"{file}: is named {name} {version}, but its metadata says {metadata.name} {metadata.version}; "
            "build it anew instead of renaming it"
        )
    return metadata


def _page(title: str, links: Sequence[tuple[str, str, Mapping[str, str]]]) -> str:
    """An index page as PEP 503 has it; `links` are address, text, attributes."""
    lines = [
        "<!DOCTYPE html>",
        f'<html><head><meta name="pypi:repository-version" content="{_API_VERSION}"><title>{html.escape(title)}</title>'
        "</head><body>",
    ]
    for address, text, attributes in links:
        more = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items())
        lines.append(f'<a href="{html.escape(address)}"{more}>{html.escape(text)}</a><br>')
    return "\n".join([*lines, "</body></html>", ""])
