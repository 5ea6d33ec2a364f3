"""Contains the version and the digests of workerd that PoP machines install. The machines get workerd from the npm
registry.

The tests run the same version (workers/edge/package.json). There is one npm package for each processor architecture.
Each digest in this module is the digest of the binary in one of these packages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.machines.user_data import Architecture

VERSION = "1.20261117.1"
_PACKAGES: Mapping[Architecture, str] = {"amd64": "workerd-linux-64", "arm64": "workerd-linux-arm64"}
_DIGESTS: Mapping[Architecture, str] = {
    "amd64": "2c950df972c039779162ed3803db9fe3f407b70709db2c9ef5a523b36cac4583",
    "arm64": "37007f28648931403563dbb75c6c784c3be0755d3a8793877c0d7ef33d116b7c",
}


@dataclass(frozen=True)
class Binary:
    """A build of workerd for one processor architecture: the URL of its npm package, and the SHA-256 of the binary in
    the package.
    """

    url: str
    sha256: str


def binary(architecture: Architecture) -> Binary:
    """Returns the build of workerd for processors of the given architecture."""
    package = _PACKAGES[architecture]
    url = f"https://registry.npmjs.org/@cloudflare/{package}/-/{package}-{VERSION}.tgz"
    return Binary(url, _DIGESTS[architecture])
