"""Reads the index and the blobs of an OCI image layout, a directory that holds images (OCI image-layout.md 1.1)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from registry import RegistryError
from registry.ecosystems.manifests import (
    INDEX_DEPTH,
    INDEXES,
    MANIFESTS,
    Descriptor,
    Index,
    Referring,
    absence,
    attached_tags,
    digest_of,
    kind_of,
    parsed,
)

_REF_NAME = "org.opencontainers.image.ref.name"
# BuildKit and containerd write the full name of an image into this annotation: registry, repository and tag.
_CONTAINERD_NAME = "io.containerd.image.name"


def tags_of(layout: Path) -> list[str]:
    """Returns the tags in the index of an OCI image layout. Raises RegistryError when the index cannot be read."""
    listed = parsed(layout / "index.json", Index).manifests
    return list(dict.fromkeys(tag for each in listed if (tag := tag_of(each))))


def tag_of(descriptor: Descriptor) -> str:
    """Returns the tag of a manifest in the index of an OCI image layout. Returns an empty string if the manifest has no
    tag.

    The annotation for the tag may contain the whole name of an image, such as `docker.io/library/alpine:3.20`, because
    podman and skopeo write any name that the operator gives. In this case, returns the tag from the name.
    """
    name = _ref_name(descriptor)
    if not set(name) & set("/:@"):
        return name
    return name.rpartition("/")[2].partition("@")[0].partition(":")[2]


def _ref_name(descriptor: Descriptor) -> str:
    return descriptor.annotations.get(_REF_NAME, "") or descriptor.annotations.get(_CONTAINERD_NAME, "")


def chosen(layout: Path, tag: str) -> tuple[Descriptor, str, list[Descriptor]]:
    """Chooses the image to publish from an OCI image layout. Returns the image's descriptor, its tag, and the
    descriptors of all other manifests in the layout.

    `tag` selects the image. It may be empty if the layout contains only one image. Raises RegistryError when the layout
    contains several images, and none or several of them have the tag.
    """
    if not (layout / "oci-layout").is_file():
        raise RegistryError(f"{layout}: is not an OCI image layout (it has no file oci-layout)")
    listed = parsed(layout / "index.json", Index).manifests
    names = [tag_of(each) for each in listed]
    if len(listed) != 1 and (not tag or tag not in names):
        found = ", ".join(name for name in names if name) or "none with a tag"
        raise RegistryError(f"{layout}: holds {len(listed)} images ({found}); choose one with --tag")
    same = {each.digest: _ref_name(each) for each in listed if tag and tag_of(each) == tag}
    if len(same) > 1:
        raise RegistryError(
            f"{layout}: holds {len(same)} images with the tag {tag} ({', '.join(same.values())}); put each into a "
            "layout of its own"
        )
    at = names.index(tag) if tag in names else 0
    return listed[at], names[at], [each for number, each in enumerate(listed) if number != at]


def attached(layout: Path, listed: list[Descriptor], digests: Collection[str]) -> list[tuple[Descriptor, str]]:
    """Returns the manifests in an OCI image layout that refer to images with the given digests. Each manifest is
    returned as a pair of its descriptor and its tag. The tag is empty if the manifest has none.

    A signature, an attestation or an SBOM refers to an image by the field `subject`, or by a tag such as
    `sha256-<hex>.sig`.
    """
    tags = [tag for each in listed if (tag := tag_of(each))]
    by_tag = {tag for digest in digests for tag in attached_tags(digest, tags)}
    found = [(each, tag_of(each)) for each in listed if each.mediaType in (*MANIFESTS, *INDEXES)]
    return [
        (each, tag)
        for each, tag in found
        if each.digest not in digests and (tag in by_tag or _subject(layout, each) in digests)
    ]


def absent_manifests(layout: Path, top: Descriptor, depth: int = 0) -> dict[str, str]:
    """Finds the manifests that an image index lists but that are missing in the OCI image layout. In the result, each
    key is the digest of a missing manifest, and the value is a message for the operator.

    Some clients save only one platform of an image. Their layouts lack the manifests of the other platforms. Raises
    RegistryError if the layout lacks the index itself.
    """
    if top.mediaType not in INDEXES or depth >= INDEX_DEPTH:
        return {}
    absent: dict[str, str] = {}
    for child in parsed(path_of(layout, top.digest), Index).manifests:
        if kind_of(child.mediaType, child.digest) == "blob":
            continue
        if (layout / "blobs" / child.digest.replace(":", "/")).is_file():
            absent |= absent_manifests(layout, child, depth + 1)
        else:
            absent[child.digest] = absence(child, "layout")
    return absent


def _subject(layout: Path, descriptor: Descriptor) -> str:
    subject = parsed(path_of(layout, descriptor.digest), Referring).subject
    return subject.digest if subject else ""


def content_of(layout: Path, descriptor: Descriptor) -> Path | bytes | None:
    """Returns the content of an image's config or layer from an OCI image layout.

    If the descriptor of a layer contains URLs, clients fetch the layer from these URLs, and the layout may lack the
    layer. Returns None for such a missing layer.
    """
    if (layout / "blobs" / descriptor.digest.replace(":", "/")).is_file():
        return checked(layout, descriptor)
    embedded = descriptor.embedded
    if embedded is None and descriptor.urls:
        return None
    return embedded if embedded is not None else path_of(layout, descriptor.digest)


def checked(layout: Path, descriptor: Descriptor) -> Path:
    """Returns the path of a blob in an OCI image layout.

    Raises RegistryError unless the file's digest and size match the blob's descriptor.
    """
    path, digest = path_of(layout, descriptor.digest), descriptor.digest
    actual = digest_of(path, digest)
    if actual != digest:
        raise RegistryError(f"{layout}: blob {digest} has the digest {actual}; the layout is damaged")
    if path.stat().st_size != descriptor.size:
        raise RegistryError(
            f"{layout}: blob {digest} has {path.stat().st_size} bytes, its descriptor says {descriptor.size}"
        )
    return path


def path_of(layout: Path, digest: str) -> Path:
    """Returns the path of a blob in an OCI image layout. Raises RegistryError when the layout has no such blob."""
    path = layout / "blobs" / digest.replace(":", "/")
    if not path.is_file():
        raise RegistryError(
            f"{layout}: blob {digest} is missing; copy the whole image with: skopeo copy … oci:{layout}"
        )
    return path
