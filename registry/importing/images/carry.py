"""Copies images from other registries to the origin.

Manifests pass through a temporary image layout on disk. Each layer is copied once, even when images share it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType

import httpx

from registry import RegistryError
from registry.catalog.artifact import Artifact
from registry.ecosystems import oci
from registry.importing import Wanted
from registry.importing.images import RemoteImage
from registry.importing.images.distribution import SourceRepository
from registry.origin import Origin

# The most bytes in one PutObject request (S3 User Guide, "Uploading objects").
_LARGEST_PART = 5 << 30


class ImageRegistries:
    """The source registries of one import.

    Proxies and certificate authorities come from the environment. `referrers` says whether an image's referrers
    (signatures, SBOMs) are imported with the image.
    """

    def __init__(self, transport: httpx.BaseTransport | None = None, *, referrers: bool = True) -> None:
        self._http = httpx.Client(follow_redirects=True, timeout=60, transport=transport)
        self._lock = threading.Lock()
        self._repositories: dict[tuple[str, str], SourceRepository] = {}
        self.referrers = referrers

    def repository(self, image: RemoteImage) -> SourceRepository:
        with self._lock:
            key = image.registry, image.repository
            return self._repositories.setdefault(key, SourceRepository(self._http, image))


class Carrier:
    """Copies the images of one import. At most `workers` layers are copied at once, across all images."""

    def __init__(self, registries: ImageRegistries, origin: Origin, directory: Path, *, workers: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._registries = registries
        self._origin = origin
        self._directory = directory
        self._pool = ThreadPoolExecutor(workers)
        self._lock = threading.Lock()
        self._parts: dict[str, Future[None]] = {}

    def __enter__(self) -> Carrier:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    def described(self, wanted: Wanted, image: RemoteImage, layout: Path) -> Iterator[tuple[Artifact, list[oci.Part]]]:
        """Saves the manifests of an image and its referrers to `layout`, and yields an artifact for each.

        The image comes first, then the referrers of its manifests, and their referrers. Each artifact comes with the
        configs and layers to copy with `carry`. Raises RegistryError.
        """
        source = self._registries.repository(image)
        (layout / "blobs" / "sha256").mkdir(parents=True)
        seen = set[str]()
        waiting = [(wanted.digest, wanted.tag)]
        while waiting:
            digest, tag = waiting.pop(0)
            try:
                top = _save(source, digest, layout)
                artifact, parts = oci.described(layout, wanted.repository, top, tag)
            except RegistryError as error:
                # The message names the image, because the operator does not know the temporary layout.
                raise RegistryError(str(error).replace(str(layout), str(image))) from None
            yield artifact, parts
            for manifest in [blob.digest for blob in artifact.blobs] if self._registries.referrers else []:
                referrers = [each.digest for each in source.referrers(manifest) if each.digest not in seen]
                seen.update(referrers)
                waiting += [(each, "") for each in referrers]

    def carry(self, image: RemoteImage, parts: Sequence[oci.Part]) -> None:
        """Copies configs and layers to the origin, and waits for all. Parts that the origin holds are skipped.

        Raises RegistryError, and the cloud client's errors.
        """
        source = self._registries.repository(image)
        running = [self._carrying(source, part) for part in parts]
        wait(running)
        for each in running:
            each.result()

    def _carrying(self, source: SourceRepository, part: oci.Part) -> Future[None]:
        """Returns the copy of a part, shared with other images. A copy that failed is started again."""
        with self._lock:
            there = self._parts.get(part.key)
            if there is None or (there.done() and there.exception()):
                there = self._parts[part.key] = self._pool.submit(self._carry, source, part)
            return there

    def _carry(self, source: SourceRepository, part: oci.Part) -> None:
        if self._origin.holds(part.key, part.sha256):
            return
        if part.size > _LARGEST_PART:
            raise RegistryError(f"{part.key}: has {part.size} bytes; objects above 5 GiB are not supported yet")
        file = self._directory / part.key.replace("/", "-")
        try:
            source.blob(part.digest, part.size, file)
            self._origin.create(part.blob(file))
        finally:
            file.unlink(missing_ok=True)


def _save(source: SourceRepository, digest: str, layout: Path, media_type: str = "", depth: int = 0) -> oci.Descriptor:
    """Saves a manifest and, for an image index, all manifests in it to the layout. Returns the top descriptor."""
    fetched = source.manifest(digest)
    descriptor = fetched.descriptor.model_copy(update={"mediaType": media_type or fetched.descriptor.mediaType})
    file = layout / "blobs" / descriptor.digest.replace(":", "/")
    file.write_bytes(fetched.body)
    if descriptor.mediaType in oci.INDEXES and depth < oci.INDEX_DEPTH:
        for child in oci.parsed(file, oci.Index).manifests:
            if child.mediaType in (*oci.MANIFESTS, *oci.INDEXES):
                _save(source, child.digest, layout, child.mediaType, depth + 1)
    return descriptor
