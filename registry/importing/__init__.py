"""Bulk import: packages that others built and serve, each checked against the digest that its source gives."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from registry import RegistryError
from registry.importing.images import RemoteImage

Ecosystem = Literal["npm", "pypi", "oci"]
_ALGORITHMS = ("sha512", "sha384", "sha256", "sha1")  # the strongest first


@dataclass(frozen=True)
class Wanted:
    """One file or image to import. `digest` is `<algorithm>:<hex>`, as the source gives it; a file at hand needs none.

    `repository` and `tag` are of images only; `spec` is what a client of the ecosystem would ask for.
    """

    ecosystem: Ecosystem
    location: Path | str | RemoteImage  # a string is a URL
    filename: str
    digest: str = ""
    repository: str = ""
    tag: str = ""
    spec: str = ""

    @property
    def id(self) -> str:
        """The same for the same bytes from the same place."""
        if isinstance(self.location, RemoteImage):
            return f"{self.location} {self.digest} {self.repository} {self.tag}"
        if isinstance(self.location, str):
            return f"{self.location} {self.digest}"
        if self.spec:
            return f"{self.spec} {self.digest}"  # fetched by a client, to another place each time
        stat = self.location.stat()
        return f"{self.location} {self.digest} {stat.st_size} {stat.st_mtime_ns} {self.tag}"

    @property
    def title(self) -> str:
        return str(self.location)


@dataclass(frozen=True)
class Refused:
    """What a source cannot give, and why; the others are imported all the same."""

    title: str
    reason: str


def digest_of_integrity(text: str, title: str) -> str:
    """The strongest of a Subresource Integrity text (W3C). Raises RegistryError where there is none that we know."""
    found: dict[str, str] = {}
    for part in text.split():
        algorithm, _, encoded = part.partition("?")[0].partition("-")
        try:
            found[algorithm] = base64.b64decode(encoded, validate=True).hex()
        except binascii.Error:
            continue
    return strongest(found, title)


def strongest(digests: Mapping[str, str], title: str) -> str:
    """Of digests in hex by algorithm. Raises RegistryError where there is none that we know."""
    for algorithm in _ALGORITHMS:
        if digests.get(algorithm):
            return f"{algorithm}:{digests[algorithm].lower()}"
    raise RegistryError(f"{title}: the source gives no digest that could be checked ({', '.join(_ALGORITHMS)})")


def check_digest(file: Path, digest: str, title: str) -> None:
    """Raises RegistryError where the file has another one."""
    algorithm, _, wanted = digest.partition(":")
    with file.open("rb") as body:
        actual = hashlib.file_digest(body, algorithm).hexdigest()
    if actual != wanted:
        raise RegistryError(f"{title}: has the {algorithm} {actual}, but the source says {wanted}; it was not imported")
