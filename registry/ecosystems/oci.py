"""Reads images and other OCI artifacts from an OCI image layout. Returns the artifact to publish.

Source: OCI Image Specification 1.1 (image-layout.md, manifest.md, image-index.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from registry import RegistryError
from registry.catalog.artifact import Artifact, Blob, Change, Fact, sha256_of
from registry.ecosystems.images import OciRepository, manifest_key
from registry.ecosystems.layouts import absent_manifests, attached, checked, chosen, content_of, path_of
from registry.ecosystems.manifests import (
    INDEX_DEPTH,
    INDEXES,
    MANIFESTS,
    Descriptor,
    Index,
    Manifest,
    Referring,
    kind_of,
    parsed,
)

_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_REPOSITORY_MAX = 255
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
# The maximum size of a manifest's annotations as JSON. The record of the manifest must fit into a database item, and an
# item has at most 400 KB (registry/metadata/).
_ANNOTATIONS_BYTES = 300_000
# The maximum number of manifests in an image. The registry commits all manifests of an image in one DynamoDB
# transaction, which takes at most 100 items.
_MANIFESTS_AT_ONCE = 90


@dataclass(frozen=True)
class Part:
    """A blob of an image, such as a config or a layer, which clients fetch from `/v2/<name>/blobs/`."""

    repository: str
    descriptor: Descriptor

    @property
    def digest(self) -> str:
        return self.descriptor.digest

    @property
    def key(self) -> str:
        return f"oci/blobs/{self.repository}/{self.digest.replace(':', '/')}"

    def blob(self, source: Path | bytes) -> Blob:
        """Returns the object to store at the origin for this part of an image. `source` is the part's content."""
        noted = "" if self.digest.startswith("sha256:") else self.digest
        return Blob(self.key, source, "application/octet-stream", _sha256(self.digest, source), noted)


def read(layout: Path, repository: str, tag: str = "") -> Artifact:
    """Returns the artifact to publish for an image in an OCI image layout. The artifact includes the image's referrers
    in the layout.

    If `tag` is empty, uses the tag in the layout's index. Raises RegistryError for a damaged layout. Also raises
    RegistryError when the layout contains several images, and none of them has the tag.

    The layout may lack foreign layers, and some of the manifests that an index lists. The artifact's field `left_out`
    names the missing layers and manifests.
    """
    top, named, listed = chosen(layout, tag)
    if not tag and not named:
        raise RegistryError(
            f"{layout}: its index states no tag of the image; choose one with --tag, or write one into the index with: "
            f"skopeo copy oci:{layout} oci:{layout}-tagged:1.0"
        )
    tag_fact(tag or named, top.digest)
    lacking = absent_manifests(layout, top)
    artifact, parts = described(layout, repository, top, tag or named, lacking)
    if lacking and len(artifact.blobs) == 1 and not parts:
        # The OCI image layout contains only the image's index, and none of the manifests that the index lists. Nobody
        # could pull this image. This call raises RegistryError, because the layout lacks the manifest.
        path_of(layout, next(iter(lacking)))
    artifacts = [artifact]
    while found := attached(layout, listed, {blob.digest for each in artifacts for blob in each.blobs}):
        for descriptor, of_it in found:
            more, more_parts = described(layout, repository, descriptor, of_it)
            artifacts.append(more)
            parts += more_parts
    blobs = {blob.key: blob for each in artifacts for blob in each.blobs}
    contents = [(part, content_of(layout, part.descriptor)) for part in parts]
    blobs |= {part.key: part.blob(content) for part, content in contents if content is not None}
    foreign = [_left_to_its_url(part.descriptor) for part, content in contents if content is None]
    facts = {fact.name: fact for each in artifacts for change in each.changes for fact in change.facts}
    changes = [Change(OciRepository(repository), list(facts.values()))]
    return Artifact(artifact.title, list(blobs.values()), changes, left_out=[*lacking.values(), *foreign])


def _left_to_its_url(layer: Descriptor) -> str:
    return f"layer {layer.digest}: the layout does not have it; clients fetch it from {layer.urls[0]}"


def described(
    layout: Path, repository: str, top: Descriptor, tag: str, absent: Collection[str] = ()
) -> tuple[Artifact, list[Part]]:
    """Returns two values: an artifact with the manifests of an image, and the configs and layers that the manifests
    name.

    The layout must contain all manifests except those in `absent`. Configs and layers may be missing. If `tag` is
    empty, clients can pull the image only by its digest, or find it as a referrer. Raises RegistryError for a damaged
    layout.
    """
    check_repository(repository)
    blobs: dict[str, Blob] = {}
    facts: dict[str, Fact] = {}
    parts: dict[str, Part] = {}
    for descriptor, fact in _reachable(layout, top, absent):
        if fact is None:
            parts[descriptor.digest] = Part(repository, descriptor)
        else:
            blobs[descriptor.digest] = _manifest(layout, repository, descriptor)
            facts[descriptor.digest] = fact
    if len(facts) > _MANIFESTS_AT_ONCE:
        raise RegistryError(
            f"{layout}: holds {len(facts)} manifests; at most {_MANIFESTS_AT_ONCE} are accepted at once"
        )
    tags = [tag_fact(tag, top.digest)] if tag else []
    change = Change(OciRepository(repository), [*facts.values(), *tags])
    title = f"oci {repository}:{tag}" if tag else f"oci {repository}@{top.digest}"
    return Artifact(title, list(blobs.values()), [change]), list(parts.values())


def check_repository(name: str) -> None:
    """Raises RegistryError for an invalid repository name (Distribution Specification, "Pulling manifests")."""
    if not _REPOSITORY.fullmatch(name) or len(name) > _REPOSITORY_MAX:
        raise RegistryError(
            f"--repository {name!r}: use lower-case letters and digits, separated by . _ - or /, such as acme/app"
        )


def tag_fact(tag: str, digest: str) -> Fact:
    """Returns the metadata record that sets an image's tag to a manifest. An empty `digest` removes the tag.

    Raises RegistryError for an invalid tag.
    """
    if not _TAG.fullmatch(tag):
        raise RegistryError(f"--tag {tag!r}: use up to 128 letters, digits and . _ -, such as 1.0")
    return Fact(f"tag#{tag}", {"digest": digest}, immutable=False)


def _reachable(
    layout: Path, top: Descriptor, absent: Collection[str], depth: int = 0
) -> Iterator[tuple[Descriptor, Fact | None]]:
    """Yields the descriptor of each manifest and blob that a client needs to pull the image `top`.

    Each descriptor is the first item of a tuple. The second item is the metadata record of the manifest. For a blob,
    the second item is None, because a blob has no metadata record.
    """
    kind = kind_of(top.mediaType, f"{layout}: {top.digest}")
    if top.digest in absent:
        return
    if kind == "index":
        if depth >= INDEX_DEPTH:
            raise RegistryError(f"{layout}: {top.digest} is an index nested deeper than {INDEX_DEPTH}")
        index = parsed(path_of(layout, top.digest), Index)
        yield top, _fact(top, index, index.artifactType)
        for child in index.manifests:
            yield from _reachable(layout, child, absent, depth + 1)
    elif kind == "manifest":
        manifest = parsed(path_of(layout, top.digest), Manifest)
        yield top, _fact(top, manifest, manifest.artifactType or manifest.config.mediaType)
        for part in (manifest.config, *manifest.layers):
            yield part, None
    elif depth:
        yield top, None
    else:
        accepted = ", ".join((*MANIFESTS, *INDEXES))
        raise RegistryError(f"{layout}: {top.digest} has media type {top.mediaType!r}; accepted here: {accepted}")


def _fact(descriptor: Descriptor, manifest: Referring, artifact_type: str) -> Fact:
    """Returns the metadata record of an image manifest. The registry renders the documents for tags and referrers from
    such records.

    Large annotations do not fit into the record. Only lists of referrers show annotations. The record of any other
    manifest therefore leaves out large annotations. Raises RegistryError for a referrer with large annotations.
    """
    annotations, subject = manifest.annotations, manifest.subject.digest if manifest.subject else ""
    if len(json.dumps(annotations)) > _ANNOTATIONS_BYTES:
        if subject:
            raise RegistryError(
                f"{descriptor.digest}: refers to {subject} with annotations of more than {_ANNOTATIONS_BYTES} bytes, "
                "which no list of referrers can show; put the text into a layer"
            )
        annotations = {}
    content = {
        "mediaType": descriptor.mediaType,
        "size": descriptor.size,
        "artifactType": artifact_type,
        "annotations": annotations,
        "subject": subject,
    }
    return Fact(f"manifest#{descriptor.digest}", content)


def _manifest(layout: Path, repository: str, descriptor: Descriptor) -> Blob:
    source = checked(layout, descriptor)
    return Blob(
        key=manifest_key(repository, descriptor.digest),
        source=source,
        content_type=descriptor.mediaType,
        sha256=_sha256(descriptor.digest, source),
        digest=descriptor.digest,
    )


def _sha256(digest: str, source: Path | bytes) -> str:
    """Returns the SHA-256 digest of the content in `source`, in hex. `digest` is the OCI digest of the same content.

    Reads `source` only if `digest` uses SHA-512.
    """
    algorithm, _, encoded = digest.partition(":")
    return encoded if algorithm == "sha256" else sha256_of(source)
