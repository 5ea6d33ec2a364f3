"""Image manifests, image indexes and descriptors, read as leniently as clients read them.

Source: OCI Image Specification 1.1 (descriptor.md, manifest.md, image-index.md).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

from registry import RegistryError
from registry.ecosystems.images import DIGEST, INDEX, MANIFEST

INDEXES = (INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = (MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")
# The manifest size that every registry should accept (Distribution Specification, "Pushing Manifests").
MANIFEST_BYTES = 4 << 20
INDEX_DEPTH = 4  # nested image indexes; deeper nesting is treated as an attack

# Manifests of earlier formats, which cannot be carried: what they refer to is in fields of their own.
_EARLIER_MANIFESTS = ("application/vnd.docker.distribution.manifest.v1+", "application/vnd.oci.artifact.manifest.v1+")

Kind = Literal["index", "manifest", "blob"]


def kind_of(media_type: str, title: str) -> Kind:
    """Returns what a descriptor with this media type refers to.

    An index may list content of any type. Content that is no manifest is a blob, such as the layers in the index of a
    BuildKit cache. Raises RegistryError for a manifest of an earlier format.
    """
    if media_type.startswith(_EARLIER_MANIFESTS):
        raise RegistryError(f"{title}: is a manifest of type {media_type}, an earlier format that cannot be imported")
    if media_type in INDEXES:
        return "index"
    return "manifest" if media_type in MANIFESTS else "blob"


def _supported(digest: str) -> str:
    if not re.fullmatch(DIGEST, digest):
        raise ValueError(f"{digest[:80]} is no digest by sha256 or sha512")
    return digest


def _no_nulls(value: Any) -> Any:
    """Replaces a null by the empty value, because Go programs write a list or an object without entries as null."""
    if isinstance(value, dict):
        given = cast(dict[str, Any], value)
        return {name: "" if text is None else text for name, text in given.items()}
    return value


def _unless_null(empty: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: empty if value is None else value)


Digest = Annotated[str, AfterValidator(_supported)]
Text = Annotated[str, _unless_null("")]
Annotations = Annotated[dict[str, str], BeforeValidator(_no_nulls), _unless_null({})]
_Strings = Annotated[list[str], _unless_null([])]


class Platform(BaseModel):
    """The platform of an image in an index (image-index.md)."""

    architecture: Text = ""
    os: Text = ""
    variant: Text = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class Descriptor(BaseModel):
    """A reference to a blob or manifest by media type, digest and size in bytes (descriptor.md)."""

    mediaType: Text = ""
    digest: Digest
    size: int = Field(ge=0)
    urls: _Strings = []
    data: Text = ""
    annotations: Annotations = {}
    platform: Platform | None = None

    @property
    def embedded(self) -> bytes | None:
        """Returns the content that is embedded in the descriptor. Raises RegistryError if it does not match."""
        if not self.data:
            return None
        try:
            body = base64.b64decode(self.data, validate=True)
        except ValueError:
            body = b""
        if len(body) != self.size or digest_of(body, self.digest) != self.digest:
            raise RegistryError(f"{self.digest}: the content that is embedded in its descriptor does not match")
        return body


_Descriptors = Annotated[list[Descriptor], _unless_null([])]


class Referring(BaseModel):
    """The fields that image manifests and image indexes share."""

    artifactType: Text = ""
    annotations: Annotations = {}
    subject: Descriptor | None = None


class Index(Referring):
    """An image index, or the index.json of an image layout (image-index.md)."""

    manifests: _Descriptors = []


class Manifest(Referring):
    """An image manifest (manifest.md)."""

    config: Descriptor
    layers: _Descriptors = []


_Shape = TypeVar("_Shape", bound=BaseModel)


def parsed(path: Path, shape: type[_Shape]) -> _Shape:
    """Returns the JSON file as an instance of `shape`.

    Raises RegistryError when the file cannot be read, does not match, or exceeds MANIFEST_BYTES.
    """
    try:
        if path.stat().st_size > MANIFEST_BYTES:
            raise RegistryError(f"{path}: is larger than {MANIFEST_BYTES >> 20} MiB")
        return shape.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RegistryError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RegistryError(f"{path}: {place or 'the file'}: {first['msg'].lower()}") from None


def media_type_of(body: bytes, sent: str) -> str:
    """Returns the media type of a manifest.

    Registries on plain file stores send another Content-Type than the manifest's. The field `mediaType` then decides,
    or else the fields that only an index or only a manifest has.
    """
    if sent in (*INDEXES, *MANIFESTS) or sent.startswith(_EARLIER_MANIFESTS):
        return sent
    try:
        content: Any = json.loads(body)
        stated: Any = content.get("mediaType")
        if isinstance(stated, str) and stated:
            return stated
        return INDEX if "manifests" in content else MANIFEST if "config" in content else sent
    except (ValueError, AttributeError):
        return sent


def digest_of(source: Path | bytes, like: str) -> str:
    """Returns the digest of a file or of bytes by the algorithm of the digest `like`."""
    algorithm = like.partition(":")[0]
    if isinstance(source, bytes):
        return f"{algorithm}:{hashlib.new(algorithm, source).hexdigest()}"
    with source.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def attached_tags(digest: str, tags: list[str]) -> Iterator[str]:
    """Yields the tags by which a signature, an attestation or an SBOM belongs to a manifest.

    Source: cosign's specification of signatures, "Tag-based discovery": `sha256-<hex>.sig`, `.att` or `.sbom`.
    """
    prefix = f"{digest.replace(':', '-')}."
    return (tag for tag in tags if tag.startswith(prefix))
