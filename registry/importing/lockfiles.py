"""Reads lockfiles: npm's package-lock.json, and pip's requirements.txt with versions pinned by `==`.

Sources: npm docs, package-lock.json (`lockfileVersion` 2 and 3); pip docs, "Requirements File Format" (encoding, too).
"""

from __future__ import annotations

import codecs
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
# Options of a requirements.txt that name an index, or a directory with files. Only pip follows these options.
_INDEX = re.compile(r"--(?:index-url|extra-index-url|find-links|no-index)\b|-[if]")
_INCLUDED = re.compile(r"(?:-r\s*|--requirement(?:=|\s+))(?P<file>\S+)")


# Marks at the start of a text file that name its encoding. Windows PowerShell writes UTF-16 with such a mark.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CODING = re.compile(rb"#.*?coding[:=][ \t]*([-\w.]+)")  # a comment that names the encoding of a file (PEP 263)
# Files of other programs, which an import cannot read. Each file name maps to the command that writes a
# requirements.txt or a package-lock.json with the same versions.
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
    """Raises RegistryError for a lockfile that an import cannot read. The message has the command that writes a
    lockfile which an import can read.
    """
    if file.name in _OTHER_LOCKFILES:
        raise RegistryError(
            f"{file}: cannot be read; import a requirements.txt or a package-lock.json with the same versions: "
            f"{_OTHER_LOCKFILES[file.name]}"
        )


def package_lock(file: Path, registry: str = "") -> Iterator[Wanted | Refused]:
    """Yields each tarball in a package-lock.json that npm would fetch from a registry.

    Bundled and linked packages are left out, and so are the workspaces of the project, which are its own directories.
    The digest is empty for an entry that npm wrote without one (npm/cli#4460). A lockfile that npm wrote with the
    option `omit-lockfile-registry-resolved` has no URLs. The function then builds a tarball's URL from `registry`.
    Without `registry`, the tarball's location is `<name>@<version>`, which npm resolves. Raises RegistryError if the
    file is no lockfile.
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
        if not place or entry.get("link") or entry.get("inBundle") or _is_workspace(place, entry):
            continue
        found = _locked(file, place, entry, registry)
        if isinstance(found, Refused) or str(found.location) not in seen:
            yield found
        if isinstance(found, Wanted):
            seen.add(str(found.location))


def _locked(file: Path, place: str, entry: dict[str, Any], registry: str) -> Wanted | Refused:
    """Returns the tarball for an entry of a package-lock.json. `place` is the entry's key, which is a directory."""
    name, version = _text(entry, "name") or place.rsplit("node_modules/", 1)[-1], _text(entry, "version")
    spec, filename = f"{name}@{version}", f"{name.rsplit('/', 1)[-1]}-{version}.tgz"
    resolved = _text(entry, "resolved")
    if resolved and not resolved.startswith(("https://", "http://")):
        return Refused(spec, f"{file}: {place} is resolved to {resolved!r}, which is not a registry's URL")
    if "integrity" not in entry:
        if not version:
            return Refused(spec, f"{file}: {place} has neither a version nor a digest")
        # npm wrote the entry without a digest. When npm fetches such a package, it checks the digest that its registry
        # states.
        return Wanted("npm", spec, filename, spec=spec, registry=registry)
    try:
        digest = digest_of_integrity(_text(entry, "integrity"), place)
    except RegistryError as error:
        return Refused(spec, f"{file}: {error}")
    given = f"{registry.rstrip('/')}/{name}/-/{filename}" if registry else spec
    location = resolved or given
    filename = location.rsplit("/", 1)[-1] if resolved else filename
    return Wanted("npm", location, filename, digest, spec=spec, registry=registry)


def _is_workspace(place: str, entry: dict[str, Any]) -> bool:
    """Returns whether an entry of a lockfile is a directory of the project itself: it is not in node_modules."""
    return "node_modules/" not in f"{place}/" and not _text(entry, "resolved")


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
        text = _decoded(file.read_bytes())
    except (OSError, UnicodeDecodeError, LookupError) as error:
        raise RegistryError(f"{file}: cannot be read: {error}") from None
    for line in re.sub(r"\\\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if included := _INCLUDED.fullmatch(line):
            yield from requirements(file.parent / included["file"])
        elif line.startswith(("-e ", "--editable")):
            yield Refused(f"{file}: {line}", "is a directory or a repository; import what it needs from an index")
        elif index := _INDEX.match(line):
            # The message does not repeat the line, because the line's URL may contain a password.
            yield LeftOut(str(file), f"the option {index[0]}: name the index with --pypi-index", "index option")
        elif line and not line.startswith("-"):
            yield _requirement(file, line)


def _decoded(content: bytes) -> str:
    """Decodes a requirements.txt as pip does: by its byte order mark, by a comment that names the encoding, or as
    UTF-8.
    """
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding)
    named = [match for line in content.split(b"\n")[:2] if (match := _CODING.match(line))]
    return content.decode(named[0][1].decode() if named else "utf-8")


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
