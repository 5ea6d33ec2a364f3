"""Reads lockfiles: npm's package-lock.json, and pip's requirements.txt with versions pinned by `==`.

Sources: npm docs, package-lock.json (`lockfileVersion` 2 and 3); pip docs, "Requirements File Format".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from packaging.requirements import InvalidRequirement, Requirement

from registry import RegistryError
from registry.importing import Refused, Wanted, digest_of_integrity

_OPTION = re.compile(r"\s--(?P<name>[a-z-]+)(?:=|\s+)(?P<value>\S+)")


def package_lock(file: Path, registry: str = "") -> Iterator[Wanted | Refused]:
    """Yields each tarball that npm would fetch from a registry. Bundled and linked packages are left out.

    A lockfile written with `omit-lockfile-registry-resolved` has no URLs. The URL is then built from `registry`;
    without `registry`, the location is the `<name>@<version>` that npm resolves. Raises RegistryError.
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
    for place, entry in cast(dict[str, dict[str, Any]], packages).items():
        if not place or entry.get("link") or entry.get("inBundle"):
            continue
        name, version = entry.get("name") or place.rsplit("node_modules/", 1)[-1], entry.get("version", "")
        spec, filename = f"{name}@{version}", f"{name.rsplit('/', 1)[-1]}-{version}.tgz"
        given = f"{registry.rstrip('/')}/{name}/-/{filename}" if registry else spec
        resolved = entry.get("resolved", "")
        location = resolved or given
        if location in seen:
            continue
        if resolved and not resolved.startswith(("https://", "http://")):
            yield Refused(spec, f"{file}: {place} is resolved to {resolved!r}, which is not a registry's URL")
            continue
        seen.add(location)
        try:
            digest = digest_of_integrity(entry.get("integrity", ""), place)
        except RegistryError as error:
            yield Refused(spec, f"{file}: {error}")
            continue
        name = location.rsplit("/", 1)[-1] if resolved else filename
        yield Wanted("npm", location, name, digest, spec=spec, registry=registry)


def requirements(file: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Yields name, version and allowed SHA-256 digests of each requirement. An empty set allows every digest.

    Raises RegistryError for a line that does not pin exactly one version.
    """
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(f"{file}: cannot be read: {error}") from None
    for line in re.sub(r"\\\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if not line or line.startswith(("--index-url", "-i ", "--extra-index-url")):
            continue
        options = [(match["name"], match["value"]) for match in _OPTION.finditer(line)]
        try:
            requirement = Requirement(_OPTION.sub("", line))
        except InvalidRequirement as error:
            raise RegistryError(f"{file}: {line!r} is not a valid requirement: {error}") from None
        pins = [each.version for each in requirement.specifier if each.operator == "=="]
        if len(pins) != 1:
            raise RegistryError(f"{file}: {line!r} pins no version; make the file with: pip freeze, or pip-compile")
        hashes = {value.removeprefix("sha256:") for name, value in options if name == "hash" and "sha256:" in value}
        yield requirement.name, pins[0], hashes
