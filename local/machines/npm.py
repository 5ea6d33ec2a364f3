"""Packages of npm for machines, as the registry would hand them out, made of what is installed in the checkout."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from local.layout import CHECKOUT, World

_INSTALLED = CHECKOUT / "workers" / "edge" / "node_modules"


class PackageError(Exception):
    """The package that a machine asks for is not installed here; the message says how to install it."""


def package(world: World, name: str, file: str) -> Path:
    """The tarball `file` (such as `thing-1.0.0.tgz`) of the package `name`; not compressed, which readers do not mind.

    Raises PackageError where another version, or none, is installed.
    """
    target = world.path("npm", file)
    if target.exists():
        return target
    source = _INSTALLED / name
    version = json.loads((source / "package.json").read_text())["version"] if source.is_dir() else "no version"
    if file != f"{name.rpartition('/')[2]}-{version}.tgz":
        raise PackageError(f"machines want {file}, and {version} of {name} is installed: npm ci in {_INSTALLED.parent}")
    draft = target.with_suffix(".new")
    with tarfile.open(draft, "w") as archive:
        archive.add(source, arcname="package")
    draft.replace(target)
    return target
