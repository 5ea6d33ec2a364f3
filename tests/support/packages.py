"""Builds minimal npm packages, wheels and images for tests to publish."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any


def tarball(
    path: Path, package: Any, *, member: str = "package/package.json", files: Mapping[str, str] | None = None
) -> Path:
    """Writes an npm tarball with the given package.json. `files` maps paths in the package to the contents of the
    files.

    If `package` is bytes, they are written unchanged. The same input always gives the same bytes.
    """
    members = {member: package if isinstance(package, bytes) else json.dumps(package).encode()}
    members |= {f"package/{name}": text.encode() for name, text in (files or {}).items()}
    with gzip.GzipFile(path, "w", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, BytesIO(body))
    return path


def wheel(
    path: Path,
    *,
    metadata: str = "Metadata-Version: 2.1\nName: p\nVersion: 1.0\n",
    leave_out: str = "",
    project: str = "p",
    version: str = "1.0",
) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in {"METADATA": metadata, "WHEEL": "Wheel-Version: 1.0\n", "RECORD": ""}.items():
            if name != leave_out:
                archive.writestr(f"{project}-{version}.dist-info/{name}", body)
    return path


def npm_and_wheel(directory: Path, package: str, distribution: str, version: str) -> list[Path]:
    """Writes a version of an npm package, and a wheel of the same version. Returns both files."""
    project = distribution.replace("-", "_")
    metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    path = directory / f"{project}-{version}-py3-none-any.whl"
    return [
        tarball(directory / f"{project}-{version}.tgz", {"name": package, "version": version}),
        wheel(path, metadata=metadata, project=project, version=version),
    ]


def rewrite_manifest(layout: Path, more: dict[str, Any]) -> None:
    index = json.loads((layout / "index.json").read_text())
    old = layout / "blobs" / index["manifests"][0]["digest"].replace(":", "/")
    body = json.dumps({**json.loads(old.read_text()), **more}).encode()
    digest = hashlib.sha256(body).hexdigest()
    (layout / "blobs/sha256" / digest).write_bytes(body)
    index["manifests"][0] |= {"digest": f"sha256:{digest}", "size": len(body)}
    (layout / "index.json").write_text(json.dumps(index))
