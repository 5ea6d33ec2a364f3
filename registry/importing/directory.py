"""Finds the npm tarballs, wheels, sdists and OCI image layouts in a directory tree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from registry import RegistryError
from registry.ecosystems.layouts import tags_of
from registry.ecosystems.python_names import NotInstallable, is_python, parsed
from registry.importing import Found, LeftOut, Wanted


def wanted_in(directory: Path) -> Iterator[Found]:
    """Yields every package and image below `directory`, in the order of their paths. Ignores other files.

    The name of an image's repository is the path of the OCI image layout relative to `directory`. Each tag in the
    layout's index.json yields an image.
    """
    for path, directories, files in os.walk(directory):
        here = Path(path)
        if "oci-layout" in files:
            directories.clear()
            yield from _images(here, here.relative_to(directory).as_posix())
            continue
        directories.sort()
        for name in sorted(files):
            if name.endswith(".tgz"):
                yield Wanted("npm", here / name, name)
            elif is_python(name):
                yield _distribution(here / name)


def _distribution(file: Path) -> Wanted | LeftOut:
    try:
        parsed(file.name)
    except NotInstallable as error:
        if not file.name.endswith((".whl", ".tar.gz")):
            return LeftOut(str(file), str(file.parent / str(error)), error.kind)
    return Wanted("pypi", file, file.name)


def _images(layout: Path, repository: str) -> Iterator[Wanted]:
    try:
        tags = tags_of(layout)
    except RegistryError:
        # The index of the OCI image layout is damaged. The function yields the layout nevertheless. The import then
        # fails to read the layout, and reports this failure together with all others.
        tags = [""]
    for tag in tags or [""]:
        yield Wanted("oci", layout, layout.name, repository=repository, tag=tag)
