"""Reads images and other OCI artifacts from an OCI image layout into the artifact to publish.

Source: OCI Image Specification 1.1 (image-layout.md, manifest.md, image-index.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from registry import RegistryError
from registry.catalog.artifact import Artifact, Blob, Change, Fact, sha256_of
from registry.ecosystems.images import INDEX, OciRepository, manifest_key

_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_REPOSITORY_MAX = 255
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
INDEXES = (INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
# The manifest size that every registry should accept (Distribution Specification, "Pushing Manifests").
MANIFEST_BYTES = 4 << 20
_MANIFESTS_AT_ONCE = 90  # all are committed in one DynamoDB transaction, which takes 100 items
INDEX_DEPTH = 4  # nested image indexes; deeper nesting is treated as an attack
_REF_NAME = "org.opencontainers.image.ref.name"


class Descriptor(BaseModel):
    """A reference to a blob or manifest by media type, digest and size in bytes (descriptor.md)."""

    mediaType: str = ""
    digest: str = Field(pattern=r"^sha256:[a-f0-9]{64}$")
    size: int = Field(ge=0)
    annotations: dict[str, str] | None = None


class _Referring(BaseModel):
    """The fields that image manifests and image indexes share."""

    artifactType: str = ""
    annotations: dict[str, str] | None = None
    subject: Descriptor | None = None


class Index(_Referring):
    """An image index, or the index.json of an image layout (image-index.md)."""

    manifests: list[Descriptor] = []


class Manifest(_Referring):
    """An image manifest (manifest.md)."""

    config: Descriptor
    layers: list[Descriptor] = []


_Shape = TypeVar("_Shape", bound=BaseModel)


@dataclass(frozen=True)
class Part:
    """A config or a layer of an image, which clients fetch from `/v2/<name>/blobs/`. `size` is in bytes."""

    repository: str
    digest: str
    size: int

    @property
    def key(self) -> str:
        return f"oci/blobs/{self.repository}/{self.digest.replace(':', '/')}"

    @property
    def sha256(self) -> str:
        return self.digest.removeprefix("sha256:")

    def blob(self, source: Path) -> Blob:
        """Returns the blob to store at the origin, with the content of the file `source`."""
        return Blob(self.key, source, "application/octet-stream", self.sha256)


def read(layout: Path, repository: str, tag: str = "") -> Artifact:
    """Returns the artifact for an image in an OCI image layout, to be published in `repository`.

    Without `tag`, the tag comes from the layout's index. Raises RegistryError for a damaged or ambiguous layout.
    """
    top, named = _chosen(layout, tag)
    tag_fact(tag or named, top.digest)
    manifests, parts = described(layout, repository, top, tag or named)
    blobs = [part.blob(_checked(layout, part.digest, part.size)) for part in parts]
    return Artifact(manifests.title, [*manifests.blobs, *blobs], manifests.changes)


def described(layout: Path, repository: str, top: Descriptor, tag: str) -> tuple[Artifact, list[Part]]:
    """Returns an artifact with only the image's manifests, and the configs and layers that the manifests name.

    The layout must hold the manifests; configs and layers may be missing. An artifact without a tag is found by digest
    or as a referrer of its subject. Raises RegistryError.
    """
    check_repository(repository)
    blobs: dict[str, Blob] = {}
    facts: dict[str, Fact] = {}
    parts: dict[str, Part] = {}
    for descriptor, fact in _reachable(layout, top):
        if fact is None:
            parts[descriptor.digest] = Part(repository, descriptor.digest, descriptor.size)
        else:
            blobs[descriptor.digest] = _manifest(layout, repository, descriptor)
            facts[descriptor.digest] = fact
    if len(facts) > _MANIFESTS_AT_ONCE:
        raise RegistryError(f"{layout}: holds {len(facts)} manifests; at most {_MANIFESTS_AT_ONCE} are taken at once")
    tags = [tag_fact(tag, top.digest)] if tag else []
    change = Change(OciRepository(repository), [*facts.values(), *tags])
    title = f"oci {repository}:{tag}" if tag else f"oci {repository}@{top.digest}"
    return Artifact(title, list(blobs.values()), [change]), list(parts.values())


def tags_of(layout: Path) -> list[str]:
    """Returns the tags in the layout's index. Raises RegistryError when the index cannot be read."""
    listed = parsed(layout / "index.json", Index).manifests
    return [tag for each in listed if (tag := (each.annotations or {}).get(_REF_NAME, ""))]


def check_repository(name: str) -> None:
    """Raises RegistryError for an invalid repository name (Distribution Specification, "Pulling manifests")."""
    if not _REPOSITORY.fullmatch(name) or len(name) > _REPOSITORY_MAX:
        raise RegistryError(
            f"--repository {name!r}: use lower-case letters and digits, separated by . _ - or /, such as acme/app"
        )


def tag_fact(tag: str, digest: str) -> Fact:
    """Returns the record that sets a tag to a manifest, or removes the tag when `digest` is empty.

    Raises RegistryError for an invalid tag.
    """
    if not _TAG.fullmatch(tag):
        raise RegistryError(f"--tag {tag!r}: use up to 128 letters, digits and . _ -, such as 1.0")
    return Fact(f"tag#{tag}", {"digest": digest}, immutable=False)


def _chosen(layout: Path, tag: str) -> tuple[Descriptor, str]:
    """Returns the descriptor of the image to publish, and the tag in its annotations (empty without one).

    Raises RegistryError when the layout holds several images and `tag` names none of them.
    """
    if not (layout / "oci-layout").is_file():
        raise RegistryError(f"{layout}: is not an OCI image layout (it has no file oci-layout)")
    listed = parsed(layout / "index.json", Index).manifests
    names = [(each.annotations or {}).get(_REF_NAME, "") for each in listed]
    if tag in names and tag:
        return listed[names.index(tag)], tag
    if len(listed) != 1:
        found = ", ".join(name for name in names if name) or "none with a tag"
        raise RegistryError(f"{layout}: holds {len(listed)} images ({found}); choose one with --tag")
    return listed[0], names[0]


def _reachable(layout: Path, top: Descriptor, depth: int = 0) -> Iterator[tuple[Descriptor, Fact | None]]:
    """Yields every descriptor that a pull of `top` needs.

    Each manifest comes with its metadata record, and each config or layer with None.
    """
    if top.mediaType in INDEXES and depth < INDEX_DEPTH:
        index = parsed(path_of(layout, top.digest), Index)
        yield top, _fact(top, index, index.artifactType)
        for child in index.manifests:
            yield from _reachable(layout, child, depth + 1)
    elif top.mediaType in MANIFESTS:
        manifest = parsed(path_of(layout, top.digest), Manifest)
        yield top, _fact(top, manifest, manifest.artifactType or manifest.config.mediaType)
        for part in (manifest.config, *manifest.layers):
            yield part, None
    else:
        accepted = ", ".join((*MANIFESTS, *INDEXES))
        raise RegistryError(f"{layout}: {top.digest} has media type {top.mediaType!r}; accepted here: {accepted}")


def _fact(descriptor: Descriptor, manifest: _Referring, artifact_type: str) -> Fact:
    """Returns a manifest's metadata record, from which tag and referrers documents are rendered."""
    content = {
        "mediaType": descriptor.mediaType,
        "size": descriptor.size,
        "artifactType": artifact_type,
        "annotations": manifest.annotations or {},
        "subject": manifest.subject.digest if manifest.subject else "",
    }
    return Fact(f"manifest#{descriptor.digest}", content)


def _manifest(layout: Path, repository: str, descriptor: Descriptor) -> Blob:
    return Blob(
        key=manifest_key(repository, descriptor.digest),
        source=_checked(layout, descriptor.digest, descriptor.size),
        content_type=descriptor.mediaType,
        sha256=descriptor.digest.removeprefix("sha256:"),
        digest=descriptor.digest,
    )


def _checked(layout: Path, digest: str, size: int) -> Path:
    """Returns the file of a blob. Raises RegistryError unless digest and size match the blob's descriptor."""
    path = path_of(layout, digest)
    actual = sha256_of(path)
    if f"sha256:{actual}" != digest:
        raise RegistryError(f"{layout}: blob {digest} has the digest sha256:{actual}; the layout is damaged")
    if path.stat().st_size != size:
        raise RegistryError(f"{layout}: blob {digest} has {path.stat().st_size} bytes, its descriptor says {size}")
    return path


def path_of(layout: Path, digest: str) -> Path:
    """Returns the file of a blob. Raises RegistryError when the layout has no such blob."""
    path = layout / "blobs" / digest.replace(":", "/")
    if not path.is_file():
        raise RegistryError(
            f"{layout}: blob {digest} is missing; copy the whole image with: skopeo copy … oci:{layout}"
        )
    return path


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
