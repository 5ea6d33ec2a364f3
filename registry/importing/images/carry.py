"""Copies images from other registries to the origin.

The module first saves the manifests of an image to a temporary OCI image layout on disk. Each layer is copied once,
even if several images have the same layer.
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
from registry.ecosystems.manifests import INDEX_DEPTH, INDEXES, Descriptor, Index, absence, kind_of, parsed
from registry.importing import Wanted
from registry.importing.images import RemoteImage
from registry.importing.images.distribution import Absent, SourceRepository
from registry.origin import Origin

# The maximum number of bytes in one PutObject request (S3 User Guide, "Uploading objects").
_LARGEST_PART = 5 << 30


class ImageRegistries:
    """The registries from which one import reads images.

    Environment variables name the proxies and the certificate authorities for the requests. With `referrers`, the
    import also copies the signatures and SBOMs of an image.
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
    """Copies images from other registries to the origin, during one import.

    Copies at most `workers` layers in parallel. This limit applies to all images together.
    """

    def __init__(self, registries: ImageRegistries, origin: Origin, directory: Path, *, workers: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._registries = registries
        self._origin = origin
        self._directory = directory
        self._pool = ThreadPoolExecutor(workers)
        self._lock = threading.Lock()
        self._parts: dict[str, Future[str]] = {}

    def __enter__(self) -> Carrier:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    def described(
        self, wanted: Wanted, image: RemoteImage, layout: Path, left_out: list[str]
    ) -> Iterator[tuple[Artifact, list[oci.Part]]]:
        """Saves the manifests of an image and of its referrers to the OCI image layout `layout`. Yields an artifact for
        the image, and an artifact for each referrer.

        Here, the referrers include signatures, attestations and SBOMs whose tag contains the image's digest, such as
        `sha256-<hex>.sig`. The image comes first, then its referrers, then the referrers of these referrers, and so on.
        Each artifact comes with the configs and layers to copy with `carry`.

        An image index may list manifests that the source registry does not have. The method adds a message to
        `left_out` for each missing manifest. Raises RegistryError if the source registry refuses a request or does not
        answer.
        """
        source = self._registries.repository(image)
        seen = set[str]()
        waiting = [(wanted.digest, wanted.tag)]
        while waiting:
            digest, tag = waiting.pop(0)
            try:
                saved = Saved(source, layout)
                top = saved.save(digest)
                artifact, parts = oci.described(layout, wanted.repository, top, tag, saved.absent)
            except RegistryError as error:
                # The error message contains the path of a temporary directory, which tells an operator nothing. The
                # next line replaces the path with the name of the image.
                raise RegistryError(str(error).replace(str(layout), str(image))) from None
            left_out += saved.absent.values()
            yield artifact, parts
            for manifest in [blob.digest for blob in artifact.blobs] if self._registries.referrers else []:
                attached = [*((each.digest, "") for each in source.referrers(manifest)), *source.attached(manifest)]
                waiting += [each for each in attached if each[0] not in seen]
                seen.update(each for each, _ in attached)

    def carry(self, image: RemoteImage, parts: Sequence[oci.Part]) -> list[str]:
        """Copies an image's configs and layers to the origin, and waits until all are copied.

        The import skips configs and layers that the origin already holds. Returns a message for each layer that the
        source registry lacks and that clients fetch from a URL in the image's manifest. Raises RegistryError if a copy
        fails, and the cloud client's error if the origin refuses a write.
        """
        source = self._registries.repository(image)
        running = [self._carrying(source, part) for part in parts]
        wait(running)
        return [reason for each in running if (reason := each.result())]

    def _carrying(self, source: SourceRepository, part: oci.Part) -> Future[str]:
        """Starts to copy an image's config or layer to the origin, and returns the future of the copy. Images can share
        configs and layers, so the import copies each of them only once. If an earlier copy runs or has succeeded,
        returns the future of that copy. If the earlier copy has failed, starts a new one.
        """
        with self._lock:
            there = self._parts.get(part.key)
            if there is None or (there.done() and there.exception()):
                there = self._parts[part.key] = self._pool.submit(self._carry, source, part)
            return there

    def _carry(self, source: SourceRepository, part: oci.Part) -> str:
        """Copies an image's config or layer to the origin. Returns an empty string, or the reason why the import leaves
        the layer out.
        """
        descriptor = part.descriptor
        if self._origin.holds(part.key, part.digest):
            return ""
        if descriptor.size > _LARGEST_PART:
            raise RegistryError(f"{part.key}: has {descriptor.size} bytes; objects above 5 GiB are not supported yet")
        file = self._directory / part.key.replace("/", "-")
        try:
            embedded = descriptor.embedded
            if embedded is None:
                source.blob(part.digest, descriptor.size, file)
            self._origin.create(part.blob(file if embedded is None else embedded))
        except Absent:
            if not descriptor.urls:
                raise
            return f"layer {part.digest}: the source does not have it; clients fetch it from {descriptor.urls[0]}"
        finally:
            file.unlink(missing_ok=True)
        return ""


class Saved:
    """The manifests of one image, saved as files of an OCI image layout.

    `absent` contains a message for the operator for each manifest that the source registry does not have. Its keys are
    the digests of the missing manifests.
    """

    def __init__(self, source: SourceRepository, layout: Path) -> None:
        self._source = source
        self._layout = layout
        self.absent: dict[str, str] = {}

    def save(self, digest: str, media_type: str = "", depth: int = 0) -> Descriptor:
        """Saves a manifest of the source registry and, for an image index, all manifests that the index lists.

        Returns the descriptor of the saved manifest. Raises Absent when the source registry does not have the manifest,
        and RegistryError when the registry refuses a request or does not answer.
        """
        fetched = self._source.manifest(digest)
        descriptor = fetched.descriptor.model_copy(update={"mediaType": media_type or fetched.descriptor.mediaType})
        file = self._layout / "blobs" / descriptor.digest.replace(":", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(fetched.body)
        if descriptor.mediaType in INDEXES and depth < INDEX_DEPTH:
            for child in parsed(file, Index).manifests:
                self._save_child(child, depth + 1)
        return descriptor

    def _save_child(self, child: Descriptor, depth: int) -> None:
        if kind_of(child.mediaType, child.digest) == "blob":
            return
        try:
            self.save(child.digest, child.mediaType, depth)
        except Absent:
            self.absent[child.digest] = absence(child, "source")
