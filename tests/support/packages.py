"""Packages that tests publish: as small as they may be."""

from __future__ import annotations

import gzip
import json
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any


def tarball(path: Path, package: Any, *, member: str = "package/package.json") -> Path:
    """An npm tarball with that package.json (as it is, where it is bytes) and nothing else: the same bytes."""
    body = package if isinstance(package, bytes) else json.dumps(package).encode()
    with gzip.GzipFile(path, "w", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        info = tarfile.TarInfo(member)
        info.size = len(body)
        tar.addfile(info, BytesIO(body))
    return path
