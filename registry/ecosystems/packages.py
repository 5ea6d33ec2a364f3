"""Finds a package by a reference from the command line, such as npm:@acme/web@1.0.0, or by a database partition."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from registry import RegistryError
from registry.catalog.artifact import Package
from registry.ecosystems import npm_keys
from registry.ecosystems.images import DIGEST, OciRepository
from registry.ecosystems.packument import NpmPackage
from registry.ecosystems.simple import PypiIndex, PypiProject

_HOW = "write npm:@acme/web@1.0.0, pypi:acme-greeter@1.0, oci:acme/app:1.0 or oci:acme/app@sha256:…"
_FORM = {
    "npm": re.compile(r"(?P<name>@?[^@\s]+)(?:@(?P<version>[^@\s]+))?"),
    "pypi": re.compile(r"(?P<name>[^@=\s]+)(?:(?:@|==)(?P<version>[^@=\s]+))?"),
    "oci": re.compile(rf"(?P<name>[^@:\s]+)(?:@(?P<digest>{DIGEST})|:(?P<version>[^@:\s]+))?"),
}


@dataclass(frozen=True)
class Reference:
    """A package, or one version of a package, that an operator names on the command line. The version of an image is
    its tag or digest.
    """

    ecosystem: str
    name: str
    version: str = ""

    @property
    def package(self) -> NpmPackage | PypiProject | OciRepository:
        return {"npm": NpmPackage, "pypi": PypiProject, "oci": OciRepository}[self.ecosystem](self.name)

    @property
    def spec(self) -> str:
        """The package as operators write it on the command line, such as `npm:@acme/web`, without the version."""
        return f"{self.ecosystem}:{self.name}"

    def __str__(self) -> str:
        return f"{self.ecosystem} {self.name} {self.version}".strip()


def parse(text: str) -> Reference:
    """Parses `<ecosystem>:<name>`, with or without a version. Raises RegistryError for any other string."""
    ecosystem, _, rest = text.partition(":")
    match = _FORM[ecosystem].fullmatch(rest) if ecosystem in _FORM else None
    if match is None:
        raise RegistryError(f"{text!r} is not a package's name; {_HOW}")
    found = match.groupdict()
    name = canonicalize_name(found["name"]) if ecosystem == "pypi" else found["name"]
    return Reference(ecosystem, name, found.get("digest") or found["version"] or "")


def with_version(text: str) -> Reference:
    """Parses the reference of a package's version, such as `npm:@acme/web@1.0.0`.

    Raises RegistryError if the reference has no version or has another form.
    """
    reference = parse(text)
    if not reference.version:
        raise RegistryError(f"{text!r} names no version; {_HOW}")
    return reference


def of_partition(partition: str) -> Package:
    """Returns the package whose metadata records are in the given database partition."""
    if partition == npm_keys.PARTITION:
        return npm_keys.NpmKeys()
    ecosystem, _, name = partition.partition("#")
    return Reference(ecosystem, name).package if name else PypiIndex()
