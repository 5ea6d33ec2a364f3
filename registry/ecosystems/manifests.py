"""Models of OCI image manifests, image indexes and descriptors. The models accept every manifest that clients of
registries accept.

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
# The maximum size of a manifest in bytes. Every registry should accept a manifest of this size (OCI Distribution
# Specification, "Pushing Manifests").
MANIFEST_BYTES = 4 << 20
# The maximum depth of nested image indexes. An image with deeper nesting may be an attack, and the registry refuses it.
INDEX_DEPTH = 4

# The media types of earlier manifest formats begin with these strings. The registry refuses manifests in these formats,
# because they list their blobs in different fields than manifests in the current format.
_EARLIER_MANIFESTS = ("application/vnd.docker.distribution.manifest.v1+", "application/vnd.oci.artifact.manifest.v1+")

Kind = Literal["index", "manifest", "blob"]


def kind_of(media_type: str, title: str) -> Kind:
    """Returns the kind of content that a descriptor with this media type refers to: an index, a manifest or a blob.

    An image index may list content of any type. For example, the index of a BuildKit cache lists layers, which are
    blobs. Raises RegistryError for a manifest in an earlier, unsupported format.
    """
    if media_type.startswith(_EARLIER_MANIFESTS):
        raise RegistryError(f"{title}: is a manifest of type {media_type}, an earlier format that cannot be imported")
    if media_type in INDEXES:
        return "index"
    return "manifest" if media_type in MANIFESTS else "blob"


def _supported(digest: str) -> str:
    if not re.fullmatch(DIGEST, digest):
        raise ValueError(f"{digest[:80]} is not a sha256 or sha512 digest")
    return digest


def _no_nulls(value: Any) -> Any:
    """Replaces each null in a JSON object with an empty string. Some Go programs write null for an empty value."""
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
    """The operating system and the architecture of an image in an image index (OCI image-index.md)."""

    architecture: Text = ""
    os: Text = ""
    variant: Text = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class Descriptor(BaseModel):
    """An OCI descriptor: a reference to a blob or manifest, with its media type, digest and size in bytes (OCI
    descriptor.md).
    """

    mediaType: Text = ""
    digest: Digest
    size: int = Field(ge=0)
    urls: _Strings = []
    data: Text = ""
    annotations: Annotations = {}
    platform: Platform | None = None

    @property
    def embedded(self) -> bytes | None:
        """Returns the content that is embedded in the descriptor. Returns None if the descriptor has no embedded
        content.

        Raises RegistryError if the content does not match the descriptor's digest and size.
        """
        if not self.data:
            return None
        try:
            body = base64.b64decode(self.data, validate=True)
        except ValueError:
            body = b""
        if len(body) != self.size or digest_of(body, self.digest) != self.digest:
            raise RegistryError(f"{self.digest}: the content that is embedded in its descriptor does not match")
        return body


def absence(manifest: Descriptor, place: str) -> str:
    """Returns the error message for a manifest that an image index lists but that does not exist. `place` tells where
    the manifest is missing: "layout" for an OCI image layout, or "source" for the source registry of an import.
    """
    platform = f" ({manifest.platform})" if manifest.platform else ""
    return f"manifest {manifest.digest}{platform}: an index lists it, and the {place} does not have it"


_Descriptors = Annotated[list[Descriptor], _unless_null([])]


class Referring(BaseModel):
    """The fields that both OCI image manifests and image indexes have."""

    artifactType: Text = ""
    annotations: Annotations = {}
    subject: Descriptor | None = None


class Index(Referring):
    """An OCI image index, or the file index.json of an OCI image layout (OCI image-index.md)."""

    manifests: _Descriptors = []


class Manifest(Referring):
    """An OCI image manifest, which lists an image's config and layers (OCI manifest.md)."""

    config: Descriptor
    layers: _Descriptors = []


_Shape = TypeVar("_Shape", bound=BaseModel)


def parsed(path: Path, shape: type[_Shape]) -> _Shape:
    """Reads a JSON file of an image, and returns the content as an instance of the model `shape`.

    Raises RegistryError when the file cannot be read, does not match the model, or exceeds MANIFEST_BYTES.
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
    """Returns the media type of a manifest from another registry. `sent` is the Content-Type of the response.

    Returns `sent` if it is the media type of a manifest. Some registries send a wrong Content-Type, such as
    application/json. For these, returns the field `mediaType` of the manifest. If the manifest does not have this
    field, recognizes an image index by the field `manifests`, and an image manifest by the field `config`.
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
    """Returns the digest of a file or of bytes. Uses the algorithm of the existing digest `like`."""
    algorithm = like.partition(":")[0]
    if isinstance(source, bytes):
        return f"{algorithm}:{hashlib.new(algorithm, source).hexdigest()}"
    with source.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def referrers_tag(digest: str) -> str:
    """Returns the tag that lists the referrers of a manifest. Registries without the referrers API use such tags.

    The tag contains at most 32 characters of the digest's algorithm, and at most 64 characters of its value. The reason
    is that a tag has at most 128 characters (Distribution Specification 1.1, "Referrers Tag Schema").
    """
    algorithm, _, encoded = digest.partition(":")
    return f"{algorithm[:32]}-{encoded[:64]}"


def attached_tags(digest: str, tags: list[str]) -> Iterator[str]:
    """Yields the tags of signatures, attestations and SBOMs of the manifest `digest`. `tags` are all tags to choose
    from.

    Source: cosign's specification of signatures, "Tag-based discovery": `sha256-<hex>.sig`, `.att` or `.sbom`.
    """
    prefix = f"{digest.replace(':', '-')}."
    return (tag for tag in tags if tag.startswith(prefix))
