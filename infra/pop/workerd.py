"""The runtime of the edge worker on machines of our own: workerd, as npm's registry has it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal

Architecture = Literal["amd64", "arm64"]

VERSION = "1.20261117.1"
"""The one that the worker is tested with (workers/edge/package.json)."""

_INTEGRITY = {
    "linux-64": "gZLA8X11m/luZwn+YA3+mDu61vdxNJzpksP/QZqjydKTQ+VUCulsK5gtn9Bqst1p3KJu2kafQpJ1nDQv4B23jA==",
    "linux-arm64": "gxWngFojq41ULKNKb9rpWYvKotN5hT2I/xot+Bpy31cXzrwcTgtDLSMb2t75sW5BJxH7hihFvikgYb577kB3Zg==",
}
"""SHA-512 of the packages, as the registry's `dist.integrity` says it."""

_NAMES: dict[Architecture, str] = {"amd64": "linux-64", "arm64": "linux-arm64"}


@dataclass(frozen=True)
class Package:
    """Where a package is, and the digest that it must have, in hexadecimal digits."""

    url: str
    sha512: str


def package(architecture: Architecture) -> Package:
    """workerd for that processor."""
    name = f"workerd-{_NAMES[architecture]}"
    digest = base64.b64decode(_INTEGRITY[_NAMES[architecture]]).hex()
    return Package(f"https://registry.npmjs.org/@cloudflare/{name}/-/{name}-{VERSION}.tgz", digest)
