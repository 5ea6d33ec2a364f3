"""Types for a package that is going to be published: its objects, metadata records and documents. This module calls no
cloud.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from registry.metadata import Put

# The values of the header Cache-Control. Immutable objects have one value, and documents, which can change, have the
# other (docs/contracts.md, "Client-facing URLs").
IMMUTABLE = "public, max-age=31536000, immutable"
MUTABLE = "public, max-age=5, stale-while-revalidate=60, stale-if-error=86400"

# A function that returns the bytes of an object that was published earlier. Its argument is the key of the object.
Reader = Callable[[str], bytes]


@dataclass(frozen=True)
class Blob:
    """An immutable object to upload. `source` is its content: the path of a file, or bytes."""

    key: str
    source: Path | bytes
    content_type: str
    # The SHA-256 digest of the object's content, in hex.
    sha256: str
    # The digest of an OCI manifest. The upload stores it in the user metadata `digest` of the object. Empty for other
    # content.
    digest: str = ""

    @property
    def checksum(self) -> str:
        """The SHA-256 checksum of the content, in Base64. S3 uses it to detect and refuse a corrupted upload."""
        return base64.b64encode(bytes.fromhex(self.sha256)).decode()


@dataclass(frozen=True)
class Fact:
    """A metadata record of a package. If the record is marked as immutable, its content never changes."""

    # The sort key of the metadata record in the database.
    name: str
    content: Mapping[str, Any]
    immutable: bool = True


@dataclass(frozen=True)
class Document:
    """A mutable object that the registry renders from metadata records. If `body` is None, the registry deletes the
    object from the origin.

    `following` encodes which objects clients usually request after this object (contract/predictions.py).
    """

    key: str
    content_type: str
    body: bytes | None
    digest: str = ""
    following: str = ""


@dataclass(frozen=True)
class Known:
    """The metadata records of a package. `facts` maps the name of each record to the record's content. `written` maps
    the name of each record to the time when the record was written (ISO 8601, UTC).
    """

    facts: Mapping[str, Mapping[str, Any]]
    written: Mapping[str, str]

    def of_kind(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Returns the metadata records of one kind. The name of such a record has the form `<kind>#<rest>`. The keys of
        the result are the parts `<rest>`.
        """
        prefix = f"{kind}#"
        return {name[len(prefix) :]: fact for name, fact in self.facts.items() if name.startswith(prefix)}


class Package(Protocol):
    """The interface that npm packages, Python projects and image repositories implement. `partition` is the database
    partition with the package's metadata records. `documents` renders the package's documents from these records.
    """

    @property
    def partition(self) -> str: ...

    def documents(self, known: Known, touched: Collection[str], url: str, read: Reader) -> Sequence[Document]:
        """Renders the documents of the package that depend on changed metadata records. `touched` contains the names of
        the changed records.
        """
        ...


@dataclass(frozen=True)
class Change:
    """The metadata records that one change writes to a package. A record can be new, or replace the record of the same
    name.
    """

    package: Package
    facts: Sequence[Fact]


@dataclass(frozen=True)
class Artifact:
    """A change that the registry commits as a whole or not at all: a new artifact, or a change of a published artifact.

    `blobs` are the objects to upload before the commit. `changes` are the metadata records to write. `marks` are
    database items that the registry writes without a condition. An example is an entry in the list of packages that
    depend on another package. `withdrawn` contains the keys of objects that clients can no longer fetch after the
    registry has delivered the change to the edge.
    """

    # The artifact's name in messages, such as `npm @acme/web 1.0.0`.
    title: str
    blobs: Sequence[Blob]
    changes: Sequence[Change]
    marks: Sequence[Put] = ()
    withdrawn: Sequence[str] = ()
    # The reasons why parts of the artifact are not published. For example, an OCI image layout may lack a manifest.
    left_out: Sequence[str] = ()


def sha256_of(source: Path | bytes) -> str:
    """Returns the SHA-256 digest of a file or of bytes, in hex."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
