"""Reads npm's package-lock.json and npm-shrinkwrap.json, and refuses lockfiles of other programs.

Sources: npm docs, package-lock.json (`lockfileVersion` 1 to 3); @npmcli/arborist, lib/shrinkwrap.js.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from registry import RegistryError
from registry.importing import Refused, Wanted, digest_of_integrity, without_credentials

# npm's public registry. If a URL in a lockfile names this registry, npm instead uses the registry in its configuration
# (npm docs, `replace-registry-host`).
_PUBLIC = "https://registry.npmjs.org/"
# The names of files that an import cannot read, such as the lockfile of another program. Each name maps to a command
# that writes a requirements.txt or a package-lock.json with the same versions.
_OTHER_LOCKFILES = {
    "uv.lock": "uv export --format requirements-txt",
    "poetry.lock": "poetry export (plugin poetry-plugin-export)",
    "pdm.lock": "pdm export",
    "pylock.toml": "uv export --format requirements-txt",
    "Pipfile.lock": "pipenv requirements --hash",
    "Pipfile": "pipenv requirements --hash",
    "pyproject.toml": "uv export --format requirements-txt, or pip-compile",
    "yarn.lock": "npm install --package-lock-only, which reads yarn.lock",
    "pnpm-lock.yaml": "npm install --package-lock-only",
    "bun.lock": "npm install --package-lock-only",
    "bun.lockb": "npm install --package-lock-only",
    "package.json": "npm install --package-lock-only",
}


def refuse_other_lockfile(file: Path) -> None:
    """Raises RegistryError for a lockfile or project file that an import cannot read, such as yarn.lock. The error
    message names a command that writes the same versions to a requirements.txt or a package-lock.json.
    """
    if file.name in _OTHER_LOCKFILES:
        raise RegistryError(
            f"{file}: cannot be read; import a requirements.txt or a package-lock.json with the same versions: "
            f"{_OTHER_LOCKFILES[file.name]}"
        )


def package_lock(file: Path, registry: str = "") -> Iterator[Wanted | Refused]:
    """Yields each tarball in a package-lock.json that npm would fetch from a registry.

    Leaves out bundled packages, linked packages, and workspaces, which are directories of the project itself. The
    digest is empty if npm wrote an entry without a digest (npm/cli#4460).

    With the option `omit-lockfile-registry-resolved`, npm writes a lockfile without URLs. The function then builds the
    URL of a tarball from `registry`. Without `registry`, the tarball's location is `<name>@<version>`, which npm
    resolves. Raises RegistryError if the file is not a lockfile.
    """
    try:
        lock: Any = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise RegistryError(f"{file}: cannot be read: {error}") from None
    seen = set[str]()
    for place, entry in _packages(file, lock).items():
        if not place or entry.get("link") or entry.get("inBundle") or _is_workspace(place, entry) or _is_absent(entry):
            continue
        found = _locked(file, place, entry, registry)
        if isinstance(found, Refused) or str(found.location) not in seen:
            yield found
        if isinstance(found, Wanted):
            seen.add(str(found.location))


def _packages(file: Path, lock: Any) -> dict[str, dict[str, Any]]:
    """Returns a mapping from the directory of each package in a package-lock.json to the entry of the package. Raises
    RegistryError if the file lists no packages.
    """
    packages, dependencies = _object(lock).get("packages"), _object(lock).get("dependencies")
    if isinstance(packages, dict):
        return {place: _object(entry) for place, entry in cast(dict[str, Any], packages).items()}
    if isinstance(dependencies, dict):
        return dict(_first_version(cast(dict[str, Any], dependencies)))
    raise RegistryError(f"{file}: lists no packages; make it with: npm install --package-lock-only")


def _first_version(dependencies: dict[str, Any], above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Reads a lockfile of npm 5 or 6 (`lockfileVersion` 1), and yields its entries in the newer format. In the old
    format, dependencies are nested, and the field `version` can be an alias or a URL.
    """
    for name, value in dependencies.items():
        entry, place = _object(value), f"{above}node_modules/{name}"
        fields, version = {**entry, "inBundle": entry.get("bundled")}, _text(entry, "version")
        if version.startswith("npm:"):
            real, _, version = version.removeprefix("npm:").rpartition("@")
            fields |= {"name": real, "version": version}
        elif ":" in version:
            fields |= {"resolved": version, "version": ""}
        yield place, fields
        yield from _first_version(_object(entry.get("dependencies")), f"{place}/")


def _is_absent(entry: dict[str, Any]) -> bool:
    """Returns whether an entry is for a package that npm has not installed. For an optional peer dependency, npm writes
    an entry without a version (npm/cli#4796).
    """
    is_optional = bool(entry.get("optional") or entry.get("peer"))
    return is_optional and not any(_text(entry, field) for field in ("version", "resolved", "integrity"))


def _object(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def _locked(file: Path, place: str, entry: dict[str, Any], registry: str) -> Wanted | Refused:
    """Returns the tarball to import for an entry of a package-lock.json. `place` is the key of the entry: the package's
    directory, such as `node_modules/@acme/web`. If the import cannot use the entry, returns a Refused with the reason.
    """
    name, version = _text(entry, "name") or place.rsplit("node_modules/", 1)[-1], _text(entry, "version")
    spec, filename = f"{name}@{version}", f"{name.rsplit('/', 1)[-1]}-{version}.tgz"
    resolved = _text(entry, "resolved")
    if registry and resolved.startswith(_PUBLIC):
        resolved = f"{registry.rstrip('/')}/{resolved.removeprefix(_PUBLIC)}"
    public = without_credentials(resolved)
    if resolved and not resolved.startswith(("https://", "http://")):
        return Refused(spec, f"{file}: {place} is resolved to {public!r}, which is not a registry's URL")
    if "integrity" not in entry:
        if not version:
            return Refused(spec, f"{file}: {place} has neither a version nor a digest")
        # This entry of the lockfile has no digest, and the import could not check a download. The import therefore runs
        # npm to fetch the package. npm checks the digest that the registry states.
        return Wanted("npm", spec, filename, spec=spec, registry=registry)
    try:
        digest = digest_of_integrity(_text(entry, "integrity"), place)
    except RegistryError as error:
        return Refused(spec, f"{file}: {error}")
    given = f"{registry.rstrip('/')}/{name}/-/{filename}" if registry else spec
    # The import's own client ignores credentials in the URL of a file, and messages show this URL. npm uses them.
    location = (public if registry else resolved) or given
    filename = location.rsplit("/", 1)[-1] if resolved else filename
    return Wanted("npm", location, filename, digest, spec=spec, registry=registry)


def _is_workspace(place: str, entry: dict[str, Any]) -> bool:
    """Returns whether an entry of a lockfile is a workspace, which is a directory of the project itself. The path of a
    workspace does not lead through node_modules, and its entry has no URL.
    """
    return "node_modules/" not in f"{place}/" and not _text(entry, "resolved")


def _text(entry: dict[str, Any], field: str) -> str:
    value = entry.get(field)
    return value if isinstance(value, str) else ""
