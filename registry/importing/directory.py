"""Packages in a directory tree: tarballs of npm, wheels, sdists and OCI image layouts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from registry import RegistryError
from registry.ecosystems import oci
from registry.importing import Wanted


def wanted_in(directory: Path) -> Iterator[Wanted]:
    """All of them, in order of their paths. An image's repository is its path beneath `directory`; it is imported once
    a tag that its index names."""
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
        tags = oci.tags_of(layout)
    except RegistryError:
        tags = [""]  # told with the others, when it is read
    for tag in tags or [""]:
        yield Wanted("oci", layout, layout.name, repository=repository, tag=tag)
