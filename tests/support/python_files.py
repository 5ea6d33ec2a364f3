"""Builds wheels and sdists for tests to publish and import. The metadata and the archive formats can be those of
current or of old packaging tools.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

_MODES: dict[str, Literal["w:gz", "w:bz2", "w:xz", "w:"]] = {
    ".gz": "w:gz",
    ".tgz": "w:gz",
    ".bz2": "w:bz2",
    ".xz": "w:xz",
    ".tar": "w:",
}


def metadata(*lines: str, name: str = "p", version: str = "1.0", of: str = "2.1") -> str:
    """Returns the core metadata of a Python distribution. `of` is the value of the field Metadata-Version. If `of` is
    empty, the metadata has no such field.
    """
    first = [f"Metadata-Version: {of}"] if of else []
    return "\n".join([*first, f"Name: {name}", f"Version: {version}", *lines, ""])


def archive(path: Path, members: Mapping[str, str | bytes]) -> Path:
    """Writes an archive file with the given members. The path's suffix decides the format: zip, or tar with a
    compression.
    """
    bodies = {name: body if isinstance(body, bytes) else body.encode() for name, body in members.items()}
    mode = _MODES.get(path.suffix)
    if mode is None:
        with zipfile.ZipFile(path, "w") as packed:
            for name, body in bodies.items():
                packed.writestr(name, body)
        return path
    with tarfile.open(path, mode) as tar:
        for name, body in bodies.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return path


def wheel(
    path: Path,
    says: str | bytes = "",
    *,
    directory: str = "p-1.0.dist-info",
    wheel: str = "Wheel-Version: 1.0\n",
    more: Mapping[str, str] = {},
) -> Path:
    """Writes a wheel of version 1.0 of the project `p`. `says` is the content of the file METADATA. `more` maps the
    paths of further files to their contents.
    """
    members = {"METADATA": says or metadata(), "WHEEL": wheel, "RECORD": ""}
    return archive(path, {**{f"{directory}/{name}": body for name, body in members.items()}, **more})


def sdist(path: Path, info: str | bytes | None = None, *, root: str = "p-1.0/", build: str = "setup.py") -> Path:
    """Writes an sdist with an empty build file. `info` is the content of the file PKG-INFO. If `info` is None, the
    sdist has no such file.
    """
    members: dict[str, str | bytes] = {f"{root}{build}": ""}
    return archive(path, members if info is None else {f"{root}PKG-INFO": info, **members})
