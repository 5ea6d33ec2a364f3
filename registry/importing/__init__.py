"""Bulk import of packages and images that exist in other registries or in directories.

The import checks a file from another registry against the digest that the other registry states.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from registry import RegistryError
from registry.ecosystems.simple import Listing
from registry.ecosystems.upstream import Upstream
from registry.importing.images import RemoteImage

Ecosystem = Literal["npm", "pypi", "oci"]
# The digest algorithms that an import accepts from every ecosystem. The strongest algorithm comes first.
_ALGORITHMS = ("sha512", "sha384", "sha256", "sha1")


@dataclass(frozen=True)
class Wanted:
    """One file or image to import.

    `digest` is the digest that the source states, in the form `<algorithm>:<hex>`. A local file needs no digest. Only
    images have a `repository` and a `tag`. `spec` is the name of the package for the ecosystem's client, such as
    `@acme/web@1.0.0`.

    For an npm package, `upstream` contains what the source registry states about the version. If `upstream` is missing,
    the import asks the npm registry at the URL `registry`. For a Python file, `project` is the project that lists the
    file, and `listing` contains what the source's simple index states about the file. `left_out` contains a reason for
    each part of the package that the import leaves out.
    """

    ecosystem: Ecosystem
    # The source of the file or image: a local path, the URL of a file, a package in npm's notation, or an image in
    # another registry.
    location: Path | str | RemoteImage
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
        """The place from which the import reads this file or image, such as a path or a URL. The journal of the import
        records the content that was last imported from each place.
        """
        return f"{self.spec or self.location} {self.repository} {self.tag}"

    @property
    def id(self) -> str:
        """A string that identifies the content of the item in the journal of an import. The string changes when the
        content at the source changes.
        """
        if isinstance(self.location, RemoteImage):
            return f"{self.location} {self.digest} {self.repository} {self.tag}"
        about = self.upstream.id if self.upstream else self.listing.id if self.listing else self.registry
        if isinstance(self.location, str):
            return f"{self.location} {self.digest} {about}".rstrip()
        if self.spec:
            # The item's id in the import's journal does not contain the path of the package file. In each import, npm
            # or pip fetches the file to a new temporary directory.
            return f"{self.spec} {self.digest} {about}".rstrip()
        stat = self.location.stat()
        return f"{self.location} {self.digest} {stat.st_size} {stat.st_mtime_ns} {self.tag}"

    @property
    def title(self) -> str:
        return f"pypi:{self.project} {self.filename}" if self.project else str(self.location)


@dataclass(frozen=True)
class Refused:
    """A package or image that cannot be imported, with the reason. The import continues with the other items."""

    title: str
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """A package, or a part of a package, that the import leaves out on purpose, with the reason. The import does not
    fail.

    `kind` groups the reasons in the summary of the import.
    """

    title: str
    reason: str
    kind: str = ""


# A source of an import yields these items: a file or image to import, a package that cannot be imported, or a package
# that the import leaves out on purpose.
Found = Wanted | Refused | LeftOut


def without_credentials(text: str) -> str:
    """Returns a URL, or a line with URLs, without user names and passwords. A password may contain an `@` that is not
    percent-encoded.
    """
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


def digest_of_integrity(text: str, title: str) -> str:
    """Returns the strongest digest in a Subresource Integrity value (W3C), as `<algorithm>:<hex>`.

    Raises RegistryError when the value has no digest of an algorithm that the import accepts.
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
    """Returns the strongest digest of a file as `<algorithm>:<hex>`. `digests` maps algorithms to hex digests. `more`
    are weaker algorithms that the file's ecosystem also accepts.

    Raises RegistryError when no digest has an algorithm that the import accepts.
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
