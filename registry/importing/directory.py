"""Finds the npm tarballs, wheels, sdists and OCI image layouts in a directory tree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from registry import RegistryError
from registry.ecosystems.layouts import tags_of
from registry.importing import Wanted


def wanted_in(directory: Path) -> Iterator[Wanted]:
    """Yields every package and image beneath `directory`, in the order of their paths.

    An image's repository name is the layout's path relative to `directory`. An image is yielded once for each tag in
    the layout's index.
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
            elif name.endswith((".whl", ".tar.gz")):
                yield Wanted("pypi", here / name, name)


def _images(layout: Path, repository: str) -> Iterator[Wanted]:
    try:
        tags = tags_of(layout)
    except RegistryError:
        tags = [""]  # the import reports the damaged layout with the other failures, when it reads the layout
    for tag in tags or [""]:
        yield Wanted("oci", layout, layout.name, repository=repository, tag=tag)
