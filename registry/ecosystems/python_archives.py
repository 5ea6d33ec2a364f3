"""Reads the metadata of wheels and sdists, and refuses archives that pip could not install.

Sources: the binary distribution format; the source distribution format; pip's unpacking of legacy sdists.
"""

from __future__ import annotations

import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path, PurePosixPath
from typing import IO, Literal, cast

from packaging.utils import canonicalize_name

from registry import RegistryError
from registry.ecosystems.archives import Member, checked_members, checked_names

# If the metadata field License has more characters than this, the registry does not use it as the name of a licence.
# Some projects write the whole text of their licence into this field.
_LICENSE_MAX = 100
_METADATA_BYTES = 4 << 20
_BUILD_FILES = ("setup.py", "pyproject.toml")
_BROKEN = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError),
)
_Mode = Literal["r:", "r:gz", "r:bz2", "r:xz"]
_MODES: dict[str, _Mode] = {
    ".tar": "r:",
    ".bz2": "r:bz2",
    ".tbz": "r:bz2",
    ".xz": "r:xz",
    ".txz": "r:xz",
    ".lzma": "r:xz",
    ".tlz": "r:xz",
}


@dataclass(frozen=True)
class CoreMetadata:
    """The fields of a Python distribution's metadata that a simple index needs.

    A field that is missing or has the value UNKNOWN is empty. `license` is the licence expression (PEP 639). Older
    metadata has no licence expression. In this case, `license` comes from the classifiers, or from the field License if
    it is short.
    """

    name: str = ""
    version: str = ""
    requires_python: str = ""
    requires: Sequence[str] = ()
    license: str = ""


@dataclass
class _Sdist:
    """The files in the root directory of an sdist. `info` is the content of PKG-INFO, and `builds` is true if the root
    directory has a build file (setup.py or pyproject.toml).
    """

    info: bytes | None = None
    builds: bool = False


def core_metadata(raw: bytes) -> CoreMetadata:
    """Reads a Python distribution's METADATA or PKG-INFO file of any version and encoding, without validation."""
    headers = BytesHeaderParser().parsebytes(raw)

    def text(name: str) -> str:
        found = " ".join(str(headers.get(name, "")).split())
        return "" if found == "UNKNOWN" else found

    requires = [str(each) for each in headers.get_all("Requires-Dist", [])]
    classifiers = [str(each) for each in headers.get_all("Classifier", [])]
    named = text("License")
    license = text("License-Expression") or _license(classifiers) or (named if len(named) <= _LICENSE_MAX else "")
    return CoreMetadata(text("Name"), text("Version"), text("Requires-Python"), requires, license)


def _license(classifiers: Sequence[str]) -> str:
    """Returns the licence expression for the classifiers of a Python project. Joins several licences with AND, because
    classifiers cannot express a choice between licences. Leaves out abbreviations in parentheses, such as `(GPLv3)`.
    """
    names = [each.rsplit("::", 1)[1] for each in classifiers if each.startswith("License ::")]
    known = [" ".join(re.sub(r"\(.*?\)", " ", name).split()) for name in names if name.strip() != "OSI Approved"]
    return " AND ".join(dict.fromkeys(filter(None, known)))


def wheel_metadata(file: Path, project: str) -> bytes:
    """Returns the METADATA file of a wheel. `project` is the project's normalized name (PEP 503).

    Raises RegistryError for a file that pip would refuse: a file that is not a zip archive, or a wheel of a later
    format. Also raises RegistryError unless the root contains exactly one `.dist-info` directory, named for the
    project.
    """
    with _opened(file, "a wheel", "python -m build"), zipfile.ZipFile(file) as archive:
        names = set(checked_names(file, archive))
        directory = _dist_info(file, names, project)
        for name in ("METADATA", "WHEEL", "RECORD"):
            if f"{directory}/{name}" not in names:
                raise RegistryError(f"{file}: has no {directory}/{name}; build the wheel with: python -m build")
        _check_format(file, _limited(file, archive, f"{directory}/WHEEL"))
        return _limited(file, archive, f"{directory}/METADATA")


def sdist_metadata(file: Path) -> bytes | None:
    """Returns the PKG-INFO file of an sdist. Returns None for an old sdist without this file.

    Raises RegistryError for an archive that cannot be read, and for an archive with neither PKG-INFO nor a build file.
    """
    with _opened(file, "an sdist", "python -m build --sdist"):
        # pip recognizes a zip archive by its content, and a tar archive by its filename. The registry recognizes
        # archives as pip does.
        found = _from_zip(file) if zipfile.is_zipfile(file) else _from_tar(file)
    if found.info is None and not found.builds:
        raise RegistryError(
            f"{file}: has no PKG-INFO, setup.py or pyproject.toml; build the sdist with: python -m build --sdist"
        )
    return found.info


@contextmanager
def _opened(file: Path, kind: str, command: str) -> Generator[None]:
    """Raises RegistryError when a zip or tar archive in the `with` block is damaged."""
    try:
        yield
    except RegistryError:
        raise
    except _BROKEN as error:
        raise RegistryError(f"{file}: is not {kind}: {error}. Build one with: {command}") from None


def _dist_info(file: Path, names: set[str], project: str) -> str:
    """Returns the `.dist-info` directory at the root of a wheel. Ignores such directories deeper in the wheel.

    Raises RegistryError unless the root contains exactly one such directory, named for the project.
    """
    roots = {name.split("/")[0] for name in names if "/" in name}
    found = sorted(root for root in roots if root.endswith(".dist-info"))
    if len(found) != 1:
        there = f": {', '.join(found)}" if found else ""
        raise RegistryError(f"{file}: holds {len(found)} .dist-info directories at its root{there}; a wheel has one")
    if not canonicalize_name(found[0]).startswith(project):
        raise RegistryError(
            f"{file}: its directory {found[0]} does not have the name of {project}; build the wheel again"
        )
    return found[0]


def _check_format(file: Path, wheel: bytes) -> None:
    version = str(BytesHeaderParser().parsebytes(wheel).get("Wheel-Version", "")).strip()
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) > 1:
        raise RegistryError(f"{file}: is a wheel of the format {version or 'unknown'!r}; installers accept 1.x")


def _limited(file: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _METADATA_BYTES:
        raise RegistryError(f"{file}: {name} is larger than {_METADATA_BYTES >> 20} MiB")
    return archive.read(name)


def _from_zip(file: Path) -> _Sdist:
    found = _Sdist()
    with zipfile.ZipFile(file) as archive:
        for name in checked_names(file, archive):
            kind = _at_root(name)
            found.builds = found.builds or kind in _BUILD_FILES
            if kind == "PKG-INFO" and found.info is None:
                found.info = _limited(file, archive, name)
    return found


def _from_tar(file: Path) -> _Sdist:
    found = _Sdist()
    with tarfile.open(file, _MODES.get(file.suffix.lower(), "r:gz"), tarinfo=Member) as tar:
        for member in checked_members(file, tar):
            kind = _at_root(member.name) if member.isfile() else ""
            found.builds = found.builds or kind in _BUILD_FILES
            if kind == "PKG-INFO" and found.info is None:
                if member.size > _METADATA_BYTES:
                    raise RegistryError(f"{file}: PKG-INFO is larger than {_METADATA_BYTES >> 20} MiB")
                found.info = cast(IO[bytes], tar.extractfile(member)).read()
    return found


def _at_root(name: str) -> str:
    """Returns the filename of an archive member in the root directory of an sdist. Returns an empty string for a member
    in a subdirectory.

    If the sdist has a single top-level directory, as most sdists have, this directory is the root directory.
    """
    # In some sdists, each path starts with `./`. PurePosixPath removes the `.`.
    parts = PurePosixPath(name).parts
    return parts[-1] if 1 <= len(parts) <= 2 else ""
