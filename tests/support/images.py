"""Builds images that container engines can unpack. The layers are tar archives, and the image config lists their
digests.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.support.image_registry import MANIFEST, Images

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def gzipped(body: bytes) -> bytes:
    """Returns the body compressed with gzip. The gzip header contains no time, so equal bodies give equal bytes."""
    return gzip.compress(body, mtime=0)


def zstandard(body: bytes) -> bytes:
    """Returns a Zstandard frame of uncompressed blocks ("raw blocks", RFC 8878, section 3.1.1).

    None of the project's libraries can write the Zstandard format.
    """
    blocks = [body[start : start + (1 << 17)] for start in range(0, len(body), 1 << 17)]
    # The byte 0xA0 describes the Zstandard frame: it has a single segment, and a content size of four bytes.
    frame = struct.pack("<IBI", 0xFD2FB528, 0xA0, len(body))
    for block in blocks:
        frame += struct.pack("<I", (block is blocks[-1]) | len(block) << 3)[:3] + block
    return frame


def tar(files: Mapping[str, str]) -> bytes:
    """Returns a tar archive. `files` maps file names to the contents of the files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def runnable(
    images: Images,
    files: Sequence[Mapping[str, str]],
    *,
    compress: Callable[[bytes], bytes] = gzipped,
    media_types: tuple[str, str, str] = (MANIFEST, CONFIG, f"{LAYER}+gzip"),
    platform: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Writes a container image with one layer for each element of `files`. Returns the image's descriptor, which
    contains the platform.
    """
    manifest_type, config_type, layer_type = media_types
    platform = platform or {"architecture": "amd64", "os": "linux"}
    layers = [tar(each) for each in files]
    diff_ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    config = {**platform, "config": {"Cmd": ["/app"]}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": images.blob(json.dumps(config).encode(), config_type),
        "layers": [images.blob(compress(layer), layer_type) for layer in layers],
    }
    return {**images.blob(json.dumps(manifest).encode(), manifest_type), "platform": platform}
