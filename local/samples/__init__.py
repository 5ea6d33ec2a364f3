"""Builds the packages that `make up` publishes: two for npm, a wheel and an image, from the sources beside this file.

The same sources always give the same bytes, so a second `make up` can publish the packages again without any change.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NPM_PACKAGE = "@acme/web"
PYTHON_PACKAGE = "acme-greeter"
REPOSITORY = "acme/app"
TAG = "1.0"
IMAGE = f"{REPOSITORY}:{TAG}"

_SOURCES = Path(__file__).parent
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip archive can store


@dataclass(frozen=True)
class Samples:
    """The paths of the built sample packages and of the built sample image of a sandbox."""

    files: list[Path]  # the paths of the sample npm packages and of the sample wheel
    image: Path  # the path of the sample image, an OCI image layout


def build(directory: Path) -> Samples:
    """Builds all sample packages of the sandbox in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    files = [_npm(_SOURCES / "npm" / name, directory) for name in ("greeting", "web")]
    return Samples([*files, _wheel(_SOURCES / "python", directory)], _image(_SOURCES / "image", directory / "image"))


def _npm(source: Path, directory: Path) -> Path:
    target = directory / f"acme-{source.name}-1.0.0.tgz"
    members = {f"package/{path.name}": path.read_bytes() for path in source.iterdir() if path.is_file()}
    target.write_bytes(_tar_gz(members))
    return target


def _wheel(source: Path, directory: Path) -> Path:
    """Builds a wheel in the format of PEP 427, with a generated RECORD, and returns its path."""
    info = "acme_greeter-1.0.dist-info"
    members = {f"acme_greeter/{path.name}": path.read_bytes() for path in (source / "acme_greeter").glob("*.py")}
    members |= {f"{info}/{name}": (source / name).read_bytes() for name in ("METADATA", "WHEEL")}
    record = "".join(f"{name},sha256={_record_hash(body)},{len(body)}\n" for name, body in sorted(members.items()))
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    target = directory / "acme_greeter-1.0-py3-none-any.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), body)
    return target


def _record_hash(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()


def _image(source: Path, layout: Path) -> Path:
    """Builds an image of one layer in the format of the OCI Image Specification, and returns its layout directory."""
    files = {str(path.relative_to(source)): path.read_bytes() for path in source.rglob("*") if path.is_file()}
    layer = _tar_gz(files)
    config: dict[str, Any] = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(gzip.decompress(layer)).hexdigest()}"]},
    }
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _add(layout, json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
        "layers": [_add(layout, layer, "application/vnd.oci.image.layer.v1.tar+gzip")],
    }
    top = _add(layout, json.dumps(manifest).encode(), manifest["mediaType"])
    named = {**top, "annotations": {"org.opencontainers.image.ref.name": TAG}}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return layout


def _add(layout: Path, body: bytes, media_type: str) -> dict[str, Any]:
    """Writes a blob to the sample image's OCI image layout, and returns the blob's descriptor."""
    digest = hashlib.sha256(body).hexdigest()
    path = layout / "blobs" / "sha256" / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(body)}


def _tar_gz(members: Mapping[str, bytes]) -> bytes:
    """Packs files into a .tar.gz archive. `members` maps the path of each file in the archive to the file's content.

    The archive contains no times or owners, so the same files give the same bytes.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, body in sorted(members.items()):
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return gzip.compress(packed.getvalue(), mtime=0)
