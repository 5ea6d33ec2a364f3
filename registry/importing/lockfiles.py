"""Reads lockfiles: npm's package-lock.json, and pip's requirements.txt with versions pinned by `==`.

Sources: npm docs, package-lock.json (`lockfileVersion` 2 and 3); pip docs, "Requirements File Format".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from packaging.requirements import InvalidRequirement, Requirement

from registry import RegistryError
from registry.importing import LeftOut, Refused, Wanted, digest_of_integrity

_OPTION = re.compile(r"\s--(?P<name>[a-z-]+)(?:=|\s+)(?P<value>\S+)")
# Options that name an index or a directory with files, which only pip follows.
_INDEX = re.compile(r"--(?:index-url|extra-index-url|find-links|no-index)\b|-[if]")
_INCLUDED = re.compile(r"(?:-r\s*|--requirement(?:=|\s+))(?P<file>\S+)")


def package_lock(file: Path, registry: str = "") -> Iterator[Wanted | Refused]:
    """Yields each tarball in a package-lock.json that npm would fetch from a registry.

    Bundled and linked packages are left out. A lockfile that npm wrote with the option
    `omit-lockfile-registry-resolved` has no URLs. The function then builds a tarball's URL from `registry`. Without
    `registry`, the tarball's location is `<name>@<version>`, which npm resolves. Raises RegistryError if the file is no
    lockfile.
    """
    try:
        lock: Any = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise RegistryError(f"{file}: cannot be read: {error}") from None
    packages = cast(Any, lock).get("packages") if isinstance(lock, dict) else None
    if not isinstance(packages, dict):
        raise RegistryError(
            f"{file}: has no `packages`; make it with: npm install --package-lock-only (npm 7 or later)"
        )
    seen = set[str]()
    for place, each in cast(dict[str, Any], packages).items():
        entry = cast(dict[str, Any], each) if isinstance(each, dict) else {}
        if not place or entry.get("link") or entry.get("inBundle"):
            continue
        name, version = _text(entry, "name") or place.rsplit("node_modules/", 1)[-1], _text(entry, "version")
        spec, filename = f"{name}@{version}", f"{name.rsplit('/', 1)[-1]}-{version}.tgz"
        given = f"{registry.rstrip('/')}/{name}/-/{filename}" if registry else spec
        resolved = _text(entry, "resolved")
        location = resolved or given
        if location in seen:
            continue
        if resolved and not resolved.startswith(("https://", "http://")):
            yield Refused(spec, f"{file}: {place} is resolved to {resolved!r}, which is not a registry's URL")
            continue
        seen.add(location)
        try:
            digest = digest_of_integrity(_text(entry, "integrity"), place)
        except RegistryError as error:
            yield Refused(spec, f"{file}: {error}")
            continue
        name = location.rsplit("/", 1)[-1] if resolved else filename
        yield Wanted("npm", location, name, digest, spec=spec, registry=registry)


def _text(entry: dict[str, Any], field: str) -> str:
    value = entry.get(field)
    return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class Pinned:
    """A line of a requirements.txt that allows exactly one version.

    `hashes` are the allowed digests, such as `sha256:…`. If `hashes` is empty, every digest is allowed.
    """

    name: str
    version: str
    hashes: frozenset[str] = frozenset()


def requirements(file: Path) -> Iterator[Pinned | Refused | LeftOut]:
    """Yields each requirement of a requirements.txt and of the files that it includes with `-r`.

    For a line that does not allow exactly one version, yields an item that counts as failed. Options other than `-r`
    are ignored, and those that name an index are yielded as left out. Raises RegistryError for a file that cannot be
    read.
    """
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(f"{file}: cannot be read: {error}") from None
    for line in re.sub(r"\\\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if included := _INCLUDED.fullmatch(line):
            yield from requirements(file.parent / included["file"])
        elif line.startswith(("-e ", "--editable")):
            yield Refused(f"{file}: {line}", "is a directory or a repository; import what it needs from an index")
        elif index := _INDEX.match(line):
            # The line is not repeated, because its URL may contain a password.
            yield LeftOut(str(file), f"the option {index[0]}: name the index with --pypi-index", "index option")
        elif line and not line.startswith("-"):
            yield _requirement(file, line)


def _requirement(file: Path, line: str) -> Pinned | Refused:
    try:
        requirement = Requirement(_OPTION.sub("", line))
    except InvalidRequirement as error:
        return Refused(f"{file}: {line}", f"is not a valid requirement: {str(error).splitlines()[0]}")
    pins = [each.version for each in requirement.specifier if each.operator in ("==", "===")]
    if len(pins) != 1 or requirement.url:
        return Refused(f"{file}: {line}", "pins no version; make the file with: pip freeze, or pip-compile")
    hashes = frozenset(each["value"].lower() for each in _OPTION.finditer(line) if each["name"] == "hash")
    return Pinned(requirement.name, pins[0], hashes)
