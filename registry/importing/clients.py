"""Dependency trees as npm and pip resolve and fetch them, from whatever registry, with whatever access and proxy this
machine's clients are configured with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from registry import RegistryError
from registry.importing import Wanted, check_digest
from registry.importing.apis import NPM
from registry.importing.directory import wanted_in
from registry.importing.lockfiles import package_lock

_AT_ONCE = 25  # packages an `npm pack`


def npm_tree(specs: Sequence[str], directory: Path) -> Iterator[Wanted]:
    """The packages and all that they need, for any platform, with the digests of npm's own lockfile.

    `npm pack` of what a lockfile resolved gives the registry's bytes, as they are.
    """
    directory.mkdir(parents=True)
    (directory / "package.json").write_text("{}")
    quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts"]
    _run("npm", ["npm", "install", "--package-lock-only", *quiet, *specs], directory)
    locked = list(package_lock(directory / "package-lock.json", NPM))
    for start in range(0, len(locked), _AT_ONCE):
        packed = directory / f"packed-{start}"
        packed.mkdir()
        batch = locked[start : start + _AT_ONCE]
        _run(
            "npm", ["npm", "pack", *quiet, "--pack-destination", str(packed), *[each.spec for each in batch]], directory
        )
        yield from _with_digests(batch, packed)


def pip_tree(specs: Sequence[str], directory: Path) -> Iterator[Wanted]:
    """The distributions and all that they need, for this machine's platform and Python; pip checks their digests."""
    directory.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    _run("pip", [*pip, "--dest", str(directory), *specs], directory)
    yield from wanted_in(directory)


def _with_digests(batch: Sequence[Wanted], packed: Path) -> Iterator[Wanted]:
    """`npm pack` names its files after the packages; which is which is found by the digests."""
    files = sorted(packed.iterdir())
    for wanted in batch:
        for file in files:
            try:
                check_digest(file, wanted.digest, wanted.title)
            except RegistryError:
                continue
            yield replace(wanted, location=file)
            break
        else:
            raise RegistryError(f"{wanted.title}: npm fetched nothing with the {wanted.digest[:24]}… of its lockfile")


def _run(client: str, command: Sequence[str], directory: Path) -> None:
    try:
        result = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RegistryError(f"{client} is missing; install it, or import from a directory") from None
    if result.returncode:
        reasons = [line for line in result.stderr.splitlines() if line.strip()]
        raise RegistryError(f"{client} could not resolve or fetch: {'; '.join(reasons[:3]) or 'it does not say why'}")
