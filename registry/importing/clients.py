"""Finds and fetches packages by running npm and pip. npm and pip use the registries, credentials and proxies of their
own configuration.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from registry import RegistryError
from registry.ecosystems.upstream import Upstream, upstream_of
from registry.importing import Found, Refused, Wanted, digest_of_integrity
from registry.importing.directory import wanted_in
from registry.importing.lockfiles import package_lock
from registry.importing.npm_cache import cached_packument

# The maximum number of packages that one run of `npm pack` fetches.
_AT_ONCE = 25
_QUIET = ("--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts")
_PIP = (sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check")
_INDEX_IN_HELP = re.compile(r"Base URL of the Python Package Index \(default (\S+?)\)")


def npm_tree(specs: Sequence[str], directory: Path) -> Iterator[Wanted | Refused]:
    """Fetches npm packages and all their dependencies for every platform. npm resolves the dependencies.

    npm writes the result to a lockfile, and the import checks the fetched files against the digests in the lockfile.
    """
    directory.mkdir(parents=True)
    (directory / "package.json").write_text("{}")
    _run("npm", ["npm", "install", "--package-lock-only", *_QUIET, "--", *specs], directory)
    yield from npm_locked(directory / "package-lock.json", directory)


def npm_locked(file: Path, directory: Path) -> Iterator[Wanted | Refused]:
    """Fetches the packages in an npm lockfile. npm uses the configuration that applies in the lockfile's directory."""
    found = list(package_lock(file))
    yield from (each for each in found if isinstance(each, Refused))
    locked = [each for each in found if isinstance(each, Wanted)]
    npm = npm_settings(file.parent)
    for start in range(0, len(locked), _AT_ONCE):
        yield from _packed(locked[start : start + _AT_ONCE], npm, directory)


def npm_package(name: str, version: str, directory: Path, *, all_versions: bool) -> Iterator[Wanted | Refused]:
    """Uses `npm pack` to fetch one version (by default `latest`) or all versions of an npm package.

    npm checks the digests that the registry states.
    """
    specs = [f"{name}@{version or 'latest'}"]
    if all_versions:
        output: Any = json.loads(_run("npm", ["npm", "view", "--json", *_QUIET, "--", name, "versions"], Path.cwd()))
        specs = [f"{name}@{each}" for each in ([output] if isinstance(output, str) else output)]
    wanted, npm = [Wanted("npm", spec, "", spec=spec) for spec in specs], npm_settings(Path.cwd())
    for start in range(0, len(wanted), _AT_ONCE):
        yield from _packed(wanted[start : start + _AT_ONCE], npm, directory)


def pip_tree(specs: Sequence[str], directory: Path) -> Iterator[Found]:
    """Uses `pip download` to fetch Python distributions and all their dependencies.

    pip chooses files for the platform and the Python version of this machine, and checks their digests.
    """
    directory.mkdir(parents=True)
    _run("pip", [*_PIP, "download", "--quiet", "--dest", str(directory), *specs], directory)
    yield from wanted_in(directory)


def pip_indexes() -> list[str]:
    """Returns the URLs of the indexes that pip uses, in pip's order. The URLs may contain credentials.

    Raises RegistryError when pip cannot be run or does not state its default index.
    """
    try:
        listed = _run("pip", [*_PIP, "config", "list"], Path.cwd())
    except RegistryError as error:
        raise RegistryError(f"{error}; name an index with --pypi-index") from None
    settings = dict(map(_setting, listed.splitlines()))
    if _configured(settings, "no-index") not in ("", "0", "false", "no", "off"):
        raise RegistryError("pip is configured to ask no index (no-index); name one with --pypi-index")
    index = _configured(settings, "index-url")
    if not index:
        match = _INDEX_IN_HELP.search(_run("pip", [*_PIP, "download", "--help"], Path.cwd(), COLUMNS="1000"))
        if match is None:
            raise RegistryError("pip does not state its default index; name an index with --pypi-index")
        index = match[1]
    return [index, *_configured(settings, "extra-index-url").split()]


def _setting(line: str) -> tuple[str, str]:
    """Parses a line of `pip config list`, which has the form `<section>.<name>='<value>'`.

    The lines cover pip's configuration files and the PIP_… environment variables.
    """
    name, _, value = line.partition("=")
    return name, str(ast.literal_eval(value))


def _configured(settings: Mapping[str, str], name: str) -> str:
    """Returns the value that `pip download` uses for a setting. A setting in an environment variable takes precedence
    over a setting in a file (pip docs, "Configuration", precedence).
    """
    found = (settings.get(f"{section}.{name}") for section in (":env:", "download", "global"))
    return next((value for value in found if value is not None), "")


@dataclass(frozen=True)
class NpmSettings:
    """npm's settings for the project in the directory `at`.

    `registries` maps each npm scope to the URL of a registry. The empty scope maps to the default registry.

    `full_packuments` contains command-line options that make npm fetch full packuments, because only these have
    publication times. npm fetches them only if its option `before` or `min-release-age` limits the versions to choose
    from. If npm's configuration already sets one of these two options, `full_packuments` is empty.
    """

    at: Path
    cache: Path
    registries: Mapping[str, str]
    full_packuments: Sequence[str]


def npm_settings(at: Path) -> NpmSettings:
    """Reads npm's settings by running `npm config list`. Raises RegistryError when npm is missing."""
    settings: dict[str, Any] = json.loads(_run("npm", ["npm", "config", "list", "--json"], at))
    registries = {name.removesuffix("registry").rstrip(":"): url
                  for name, url in settings.items() if name == "registry" or name.endswith(":registry")}  # fmt: skip
    dated = settings.get("before") or settings.get("min-release-age")
    return NpmSettings(at, Path(settings["cache"]), registries, () if dated else ("--before=9999-12-31",))


def _upstream(npm: NpmSettings, name: str, version: str) -> Upstream:
    """Returns what another npm registry states about a version: its publish time, deprecation and dist-tags.

    Reads npm's cache first. If the cache does not contain the package, runs `npm view`.
    """
    scope = name.partition("/")[0] if name.startswith("@") else ""
    registry = npm.registries.get(scope) or npm.registries[""]
    packument = cached_packument(npm.cache, registry, name)
    if packument is None:
        fields = ("time", "dist-tags", "deprecated", "dist.attestations")
        command = ["npm", "view", "--json", *_QUIET, "--", f"{name}@{version}", *fields]
        viewed: Any = json.loads(_run("npm", command, npm.at))
        dist = {"attestations": viewed["dist.attestations"]} if "dist.attestations" in viewed else {}
        packument = {**viewed, "versions": {version: {"deprecated": viewed.get("deprecated"), "dist": dist}}}
    return upstream_of(packument, version)


def _packed(batch: Sequence[Wanted], npm: NpmSettings, directory: Path) -> Iterator[Wanted | Refused]:
    """Fetches several packages with `npm pack`. npm stores each tarball exactly as the registry sends it.

    npm stops at the first package that fails. The function then fetches each package separately. The import therefore
    lacks only the packages that fail.
    """
    directory.mkdir(parents=True, exist_ok=True)
    packed = Path(tempfile.mkdtemp(prefix="packed-", dir=directory))
    named = [str(each.location) for each in batch]
    options = ("--json", "--pack-destination", str(packed), *npm.full_packuments, *_QUIET)
    try:
        # After `--`, npm takes no argument for an option. A name in a lockfile may begin with a hyphen.
        output = _run("npm", ["npm", "pack", *options, "--", *named], npm.at)
    except RegistryError as error:
        if len(batch) == 1:
            yield Refused(batch[0].spec, f"{batch[0].spec}: {error}")
            return
        for each in batch:
            yield from _packed([each], npm, directory)
        return
    for wanted, entry in zip(batch, cast(list[dict[str, str]], json.loads(output)), strict=True):
        # npm 8 reports a scoped package's filename with "@" and "/", but writes a file without these characters
        # (npm/cli#3405).
        file = packed / entry["filename"].removeprefix("@").replace("/", "-")
        if not wanted.digest:
            wanted = replace(wanted, digest=digest_of_integrity(entry["integrity"], wanted.spec), spec=entry["id"])
        upstream = _upstream(npm, entry["name"], entry["version"])
        yield replace(wanted, location=file, filename=file.name, upstream=upstream)


def _run(client: str, command: Sequence[str], directory: Path, **environment: str) -> str:
    """Runs npm or pip and returns the standard output. Raises RegistryError when the client is missing or fails."""
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
        raise RegistryError(f"{client} could not resolve or fetch: {'; '.join(reasons[:3]) or 'no reason given'}")
    return result.stdout
