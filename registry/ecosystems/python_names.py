"""Parses the filenames of Python distributions. Like pip and uv, accepts more names than today's specifications allow.

Sources: the binary distribution format (wheels), PEP 625 and the legacy names of sdists, pip's list of archives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from registry import RegistryError

# The filename suffixes of sdists that pip can open. uv can open most of these sdists, too.
SDIST_SUFFIXES = (".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.lzma", ".tlz", ".tar")
# The filename suffixes of files that indexes list, but that are neither wheels nor sdists. Each suffix maps to the kind
# of file, and to the reason why installers do not accept it.
_OTHER_KINDS = {
    ".egg": ("egg", "is an egg, and installers do not take eggs; build a wheel"),
    ".exe": ("Windows installer", "is a Windows installer, and pip does not run it"),
    ".msi": ("Windows installer", "is a Windows installer, and pip does not run it"),
    ".rpm": ("system package", "is a package of an operating system"),
    ".deb": ("system package", "is a package of an operating system"),
    ".dmg": ("system package", "is a package of an operating system"),
    ".asc": ("signature", "is a signature, and the simple index lists distributions only"),
    ".tar.z": ("unsupported archive", "is packed with compress, which installers do not read"),
    ".tar.lz": ("unsupported archive", "is packed with lzip, which installers do not read"),
    ".tar.zst": ("unsupported archive", "is packed with Zstandard, which pip does not read"),
    ".tar.7z": ("unsupported archive", "is packed with 7-Zip, which installers do not read"),
}
# Matches the name of a project as PEP 508 defines it. Also accepts several separators in a row, because installers
# accept them, too.
_NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE)
_TAG = re.compile(r"[A-Za-z0-9_.]+")
_BUILD = re.compile(r"\d[A-Za-z0-9_.]*")
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")


class NotInstallable(RegistryError):
    """Raised for a file that neither pip nor uv would install because of its filename.

    `kind` groups such files in the summary of an import.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class DistributionName:
    """The project and the version in the filename of a Python distribution. `project` is normalized (PEP 503)."""

    project: str
    version: Version


def is_python(filename: str) -> bool:
    """Returns whether a filename looks like the name of a Python distribution. Returns false for a `.tgz` file, because
    such a file counts as an npm tarball.
    """
    lower = filename.lower()
    return lower.endswith((".whl", ".egg", ".exe", ".msi", *SDIST_SUFFIXES)) and not lower.endswith(".tgz")


def is_wheel(filename: str) -> bool:
    return filename.lower().endswith(".whl")


def parsed(filename: str, project: str = "") -> DistributionName:
    """Parses the filename of a wheel or an sdist.

    `project` is the normalized name of the file's project, if it is known. Without `project`, an old sdist's filename
    with several hyphens is ambiguous. The function then assumes that the version begins after the last hyphen. Raises
    NotInstallable for a filename that neither pip nor uv would install. The error's message starts with the filename.
    """
    if not _FILENAME.fullmatch(filename):
        raise NotInstallable("other file", f"{filename}: has characters that names of distributions do not have")
    found = _of_wheel(filename) if is_wheel(filename) else _of_sdist(filename, project)
    if project and found.project != project:
        raise NotInstallable(
            "other project", f"{filename}: does not begin with the name of the project {project}, so pip ignores it"
        )
    return found


def _of_wheel(filename: str) -> DistributionName:
    form = "the name of a wheel is name-version[-build]-python-abi-platform.whl"
    parts = filename[: -len(".whl")].split("-")
    if len(parts) not in (5, 6) or not all(_TAG.fullmatch(part) for part in parts[-3:]):
        raise NotInstallable("invalid name", f"{filename}: {form}")
    if len(parts) == 6 and not _BUILD.fullmatch(parts[2]):
        raise NotInstallable("invalid name", f"{filename}: {form}; the build {parts[2]!r} does not start with a digit")
    if not _NAME.fullmatch(parts[0]):
        raise NotInstallable("invalid name", f"{filename}: {form}; {parts[0]!r} is not a valid project name")
    # pip reads an underscore in a wheel's version as a hyphen: 1.0_1 means 1.0-1 (pypa/pip#1150).
    return DistributionName(canonicalize_name(parts[0]), _version(filename, parts[1].replace("_", "-")))


def _of_sdist(filename: str, project: str) -> DistributionName:
    stem = _stem_of_sdist(filename)
    hyphens = [index for index, character in enumerate(stem) if character == "-"]
    if project:
        hyphens = [index for index in hyphens if canonicalize_name(stem[:index]) == project][:1]
    for index in hyphens[-1:]:
        name, version = stem[:index], stem[index + 1 :]
        if _NAME.fullmatch(name) and version:
            return DistributionName(canonicalize_name(name), _version(filename, version))
    of = f"of the project {project} " if project else ""
    raise NotInstallable("invalid name", f"{filename}: the name of an sdist {of}is name-version.tar.gz")


def _stem_of_sdist(filename: str) -> str:
    lower = filename.lower()
    for suffix in SDIST_SUFFIXES:
        if lower.endswith(suffix):
            return filename[: -len(suffix)]
    for suffix, (kind, reason) in _OTHER_KINDS.items():
        if lower.endswith(suffix):
            raise NotInstallable(kind, f"{filename}: {reason}")
    raise NotInstallable("other file", f"{filename}: is neither a wheel (.whl) nor an sdist (.tar.gz)")


def _version(filename: str, text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise NotInstallable(
            "legacy version",
            f"{filename}: the version {text!r} in its name does not follow PEP 440, so pip and uv ignore it",
        ) from None
