"""What npm and pip fetch and say, from whatever registry, with the access and proxy that they are configured with."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from registry import RegistryError
from registry.importing import Refused, Wanted, digest_of_integrity
from registry.importing.directory import wanted_in
from registry.importing.lockfiles import package_lock

_AT_ONCE = 25  # packages an `npm pack`
_QUIET = ("--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts")
_PIP = (sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check")
_INDEX_IN_HELP = re.compile(r"Base URL of the Python Package Index \(default (\S+?)\)")


def npm_tree(specs: Sequence[str], directory: Path) -> Iterator[Wanted | Refused]:
    """The packages and all that they need, for any platform, with the digests of npm's own lockfile."""
    directory.mkdir(parents=True)
    (directory / "package.json").write_text("{}")
    _run("npm", ["npm", "install", "--package-lock-only", *_QUIET, *specs], directory)
    yield from npm_locked(directory / "package-lock.json", directory)


def npm_locked(file: Path, directory: Path) -> Iterator[Wanted | Refused]:
    """What a lockfile names, with its digests, as `npm ci` beside it would fetch it."""
    locked = list(package_lock(file))
    for start in range(0, len(locked), _AT_ONCE):
        yield from _packed(locked[start : start + _AT_ONCE], file.parent, directory)


def npm_package(name: str, version: str, directory: Path, *, all_versions: bool) -> Iterator[Wanted | Refused]:
    """A version of a package, or the one with the tag `latest`; npm checks it against what its registry says."""
    specs = [f"{name}@{version or 'latest'}"]
    if all_versions:
        told: Any = json.loads(_run("npm", ["npm", "view", name, "versions", "--json", *_QUIET], Path.cwd()))
        specs = [f"{name}@{each}" for each in ([told] if isinstance(told, str) else told)]
    wanted = [Wanted("npm", spec, "", spec=spec) for spec in specs]
    for start in range(0, len(wanted), _AT_ONCE):
        yield from _packed(wanted[start : start + _AT_ONCE], Path.cwd(), directory)


def pip_tree(specs: Sequence[str], directory: Path) -> Iterator[Wanted]:
    """The distributions and all that they need, for this machine's platform and Python; pip checks their digests."""
    directory.mkdir(parents=True)
    _run("pip", [*_PIP, "download", "--quiet", "--dest", str(directory), *specs], directory)
    yield from wanted_in(directory)


def pip_indexes() -> list[str]:
    """The indexes that pip asks, the first first, with the names and passwords that may stand in their URLs."""
    try:
        listed = _run("pip", [*_PIP, "config", "list"], Path.cwd())
    except RegistryError as error:
        raise RegistryError(f"{error}; name an index with --pypi-index") from None
    settings = dict(map(_setting, listed.splitlines()))
    if _configured(settings, "no-index") not in ("", "0", "false", "no", "off"):
        raise RegistryError("pip is configured to ask no index (no-index); name one with --pypi-index")
    index = _configured(settings, "index-url")
    if not index:
        said = _INDEX_IN_HELP.search(_run("pip", [*_PIP, "download", "--help"], Path.cwd(), COLUMNS="1000"))
        if said is None:
            raise RegistryError("pip does not say which index it asks; name one with --pypi-index")
        index = said[1]
    return [index, *_configured(settings, "extra-index-url").split()]


def _setting(line: str) -> tuple[str, str]:
    """`pip config list` writes what stands in its files and in PIP_…, as `<section>.<name>='<value>'`."""
    name, _, value = line.partition("=")
    return name, str(ast.literal_eval(value))


def _configured(settings: Mapping[str, str], name: str) -> str:
    """As `pip download` would take it (pip docs, "Configuration": precedence)."""
    found = (settings.get(f"{section}.{name}") for section in (":env:", "download", "global"))
    return next((value for value in found if value is not None), "")


def _packed(batch: Sequence[Wanted], at: Path, directory: Path) -> Iterator[Wanted | Refused]:
    """`npm pack` gives the registry's bytes, as they are. It gives up at the first that fails; each then goes by
    itself."""
    directory.mkdir(parents=True, exist_ok=True)
    packed = Path(tempfile.mkdtemp(prefix="packed-", dir=directory))
    named = [str(each.location) for each in batch]
    try:
        told = _run("npm", ["npm", "pack", "--json", "--pack-destination", str(packed), *_QUIET, *named], at)
    except RegistryError as error:
        if len(batch) == 1:
            yield Refused(batch[0].spec, f"{batch[0].spec}: {error}")
            return
        for each in batch:
            yield from _packed([each], at, directory)
        return
    for wanted, entry in zip(batch, cast(list[dict[str, str]], json.loads(told)), strict=True):
        file = packed / entry["filename"].removeprefix("@").replace("/", "-")  # npm/cli#3405: npm 8 tells it otherwise
        if not wanted.digest:
            wanted = replace(wanted, digest=digest_of_integrity(entry["integrity"], wanted.spec), spec=entry["id"])
        yield replace(wanted, location=file, filename=file.name)


def _run(client: str, command: Sequence[str], directory: Path, **environment: str) -> str:
    """What it says. Raises RegistryError."""
    try:
        result = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, check=False, env={**os.environ, **environment}
        )
    except FileNotFoundError:
        raise RegistryError(
            f"{client} is missing; install it, name a registry with --npm-registry, or import from a directory"
        ) from None
    if result.returncode:
        reasons = [line for line in result.stderr.splitlines() if line.strip()]
        raise RegistryError(f"{client} could not resolve or fetch: {'; '.join(reasons[:3]) or 'it does not say why'}")
    return result.stdout
