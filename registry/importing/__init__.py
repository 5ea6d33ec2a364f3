"""Bulk import of existing packages and images. Each is checked against the digest that its source states."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from registry import RegistryError
from registry.ecosystems.simple import Listing
from registry.ecosystems.upstream import Upstream
from registry.importing.images import RemoteImage

Ecosystem = Literal["npm", "pypi", "oci"]
_ALGORITHMS = ("sha512", "sha384", "sha256", "sha1")  # the strongest first


@dataclass(frozen=True)
class Wanted:
    """One file or image to import.

    `digest` is `<algorithm>:<hex>` as stated by the source; a local file needs none. Only images have a `repository`
    and a `tag`. `spec` is the package as the ecosystem's client names it, such as `@acme/web@1.0.0`. `upstream` is what
    the npm registry says about the version; without it, the import reads it from `registry`, the registry's URL.
    `left_out` holds a reason for each part that the import leaves out. Of a file from a Python index, `project` is the
    project that lists the file, and `listing` is what the index says about it.
    """

    ecosystem: Ecosystem
    location: Path | str | RemoteImage  # a string is a URL
    filename: str
    digest: str = ""
    repository: str = ""
    tag: str = ""
    spec: str = ""
    upstream: Upstream | None = None
    registry: str = ""
    left_out: tuple[str, ...] = ()
    project: str = ""
    listing: Listing | None = None

    @property
    def source(self) -> str:
        """Identifies what the journal keeps one state of: the last content that was imported from there."""
        return f"{self.spec or self.location} {self.repository} {self.tag}"

    @property
    def id(self) -> str:
        """Returns the id of the item in the journal. Items with the same content and source have the same id."""
        if isinstance(self.location, RemoteImage):
            return f"{self.location} {self.digest} {self.repository} {self.tag}"
        about = self.upstream.id if self.upstream else self.listing.id if self.listing else self.registry
        if isinstance(self.location, str):
            return f"{self.location} {self.digest} {about}".rstrip()
        if self.spec:
            # The ecosystem's client fetched the file to a temporary path.
            return f"{self.spec} {self.digest} {about}".rstrip()
        stat = self.location.stat()
        return f"{self.location} {self.digest} {stat.st_size} {stat.st_mtime_ns} {self.tag}"

    @property
    def title(self) -> str:
        return f"pypi:{self.project} {self.filename}" if self.project else str(self.location)


@dataclass(frozen=True)
class Refused:
    """A package or image that cannot be imported, with the reason. The import continues with the others."""

    title: str
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """A package, file or part that a source has and that the import leaves out, with the reason. This is no failure.

    `kind` groups the reasons in the summary.
    """

    title: str
    reason: str
    kind: str = ""


# What a source yields, in any order.
Found = Wanted | Refused | LeftOut


def digest_of_integrity(text: str, title: str) -> str:
    """Returns the strongest digest in a Subresource Integrity value (W3C), as `<algorithm>:<hex>`.

    Raises RegistryError when no algorithm in the value is supported.
    """
    found: dict[str, str] = {}
    for part in text.split():
        algorithm, _, encoded = part.partition("?")[0].partition("-")
        try:
            found[algorithm] = base64.b64decode(encoded, validate=True).hex()
        except binascii.Error:
            continue
    return strongest(found, title)


def strongest(digests: Mapping[str, str], title: str, more: Sequence[str] = ()) -> str:
    """Returns the strongest of the given digests as `<algorithm>:<hex>`. `digests` maps algorithms to hex digests.

    `more` are algorithms that the ecosystem accepts besides. Raises RegistryError when no algorithm is supported.
    """
    for algorithm in (*_ALGORITHMS, *more):
        if digests.get(algorithm):
            return f"{algorithm}:{digests[algorithm].lower()}"
    raise RegistryError(f"{title}: the source states no supported digest ({', '.join(_ALGORITHMS)})")


def check_digest(file: Path, digest: str, title: str) -> None:
    """Raises RegistryError unless the file has the digest `<algorithm>:<hex>`."""
    algorithm, _, wanted = digest.partition(":")
    with file.open("rb") as body:
        actual = hashlib.file_digest(body, algorithm).hexdigest()
    if actual != wanted:
        raise RegistryError(f"{title}: has the {algorithm} {actual}, but the source says {wanted}; it was not imported")
