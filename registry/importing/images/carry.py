"""Images from other registries to the origin: manifests by way of a layout on disk, each layer once and by itself."""

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

_LARGEST_PART = 5 << 30
"""Bytes that one PutObject takes (S3 User Guide, "Uploading objects")."""


class ImageRegistries:
    """The other registries. Proxies and authorities are taken from the environment. `referrers` says whether what
    refers to an image comes along."""

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
    """Of one import. Layers are fetched by `workers` at once, whatever images they are of."""

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
        """The image and, after it, what refers to it and to its parts: each with its manifests in the layout, and with
        the parts that are still to be carried. Raises RegistryError."""
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
                # Where its copy was for a while tells nobody anything.
                raise RegistryError(str(error).replace(str(layout), str(image))) from None
            yield artifact, parts
            for manifest in [blob.digest for blob in artifact.blobs] if self._registries.referrers else []:
                referrers = [each.digest for each in source.referrers(manifest) if each.digest not in seen]
                seen.update(referrers)
                waiting += [(each, "") for each in referrers]

    def carry(self, image: RemoteImage, parts: Sequence[oci.Part]) -> None:
        """Brings them to the origin, but for those that are there. Raises RegistryError, and what the cloud refuses."""
        source = self._registries.repository(image)
        running = [self._carrying(source, part) for part in parts]
        wait(running)
        for each in running:
            each.result()

    def _carrying(self, source: SourceRepository, part: oci.Part) -> Future[None]:
        """Images share layers: what is under way, or was brought, is not fetched again."""
        with self._lock:
            there = self._parts.get(part.key)
            if there is None or (there.done() and there.exception()):
                there = self._parts[part.key] = self._pool.submit(self._carry, source, part)
            return there

    def _carry(self, source: SourceRepository, part: oci.Part) -> None:
        if self._origin.holds(part.key, part.sha256):
            return
        if part.size > _LARGEST_PART:
            raise RegistryError(f"{part.key}: has {part.size} bytes; objects of more than 5 GiB are not stored yet")
        file = self._directory / part.key.replace("/", "-")
        try:
            source.blob(part.digest, part.size, file)
            self._origin.create(part.blob(file))
        finally:
            file.unlink(missing_ok=True)


def _save(source: SourceRepository, digest: str, layout: Path, media_type: str = "", depth: int = 0) -> oci.Descriptor:
    """A manifest, and those that it lists, as files of the layout."""
    fetched = source.manifest(digest)
    descriptor = fetched.descriptor.model_copy(update={"mediaType": media_type or fetched.descriptor.mediaType})
    file = layout / "blobs" / descriptor.digest.replace(":", "/")
    file.write_bytes(fetched.body)
    if descriptor.mediaType in oci.INDEXES and depth < oci.INDEX_DEPTH:
        for child in oci.parsed(file, oci.Index).manifests:
            if child.mediaType in (*oci.MANIFESTS, *oci.INDEXES):
                _save(source, child.digest, layout, child.mediaType, depth + 1)
    return descriptor
