"""What an ecosystem's reader makes of a file, and what is written of it. Nothing here touches a cloud."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from registry.metadata import Put

IMMUTABLE = "public, max-age=31536000, immutable"
MUTABLE = "public, max-age=5, stale-while-revalidate=60, stale-if-error=86400"
"""Cache-Control of objects (docs/architecture.md, "Client-facing URLs")."""


Reader = Callable[[str], bytes]
"""Reads an object that was published earlier, by its key."""


@dataclass(frozen=True)
class Blob:
    """An immutable object: its bytes are in a file or at hand."""

    key: str
    source: Path | bytes
    content_type: str
    sha256: str  # hex
    digest: str = ""  # kept as user metadata `digest`, for OCI manifests

    @property
    def checksum(self) -> str:
        """As S3 takes it, to refuse an upload that arrives broken."""
        return base64.b64encode(bytes.fromhex(self.sha256)).decode()


@dataclass(frozen=True)
class Fact:
    """A metadata item of a package. An immutable one is never given another content."""

    name: str  # the sort key
    content: Mapping[str, Any]
    immutable: bool = True


@dataclass(frozen=True)
class Document:
    """A mutable object that is rendered from facts; `body` is None where there is to be none."""

    key: str
    content_type: str
    body: bytes | None
    digest: str = ""


@dataclass(frozen=True)
class Known:
    """What the metadata database has of a package: facts by name, and when each was first written (ISO 8601, UTC)."""

    facts: Mapping[str, Mapping[str, Any]]
    written: Mapping[str, str]

    def of_kind(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Facts named `<kind>#<rest>`, by the rest."""
        prefix = f"{kind}#"
        return {name[len(prefix) :]: fact for name, fact in self.facts.items() if name.startswith(prefix)}


class Package(Protocol):
    """What facts hang on, and how its documents are made of them."""

    @property
    def partition(self) -> str: ...

    def documents(self, known: Known, touched: Collection[str], url: str, read: Reader) -> Sequence[Document]:
        """Those that depend on the facts of the names `touched`."""
        ...


@dataclass(frozen=True)
class Change:
    """Facts to be added to one package."""

    package: Package
    facts: Sequence[Fact]


@dataclass(frozen=True)
class Artifact:
    """One thing to publish or to change. `changes` are made all or none. `marks` are written along with them, whatever
    was there; the objects `withdrawn` are taken from the readers after."""

    title: str  # for messages, e.g. `npm @acme/web 1.0.0`
    blobs: Sequence[Blob]
    changes: Sequence[Change]
    marks: Sequence[Put] = ()
    withdrawn: Sequence[str] = ()


def sha256_of(source: Path | bytes) -> str:
    """The digest in hex."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
