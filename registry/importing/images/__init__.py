"""Bulk import of images from other registries (OCI Distribution Specification 1.1)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

import httpx

from registry import RegistryError
from registry.ecosystems.images import DIGEST

_FORM = re.compile(
    r"oci:(?P<host>localhost|[^/@\s]*[.:][^/@\s]*)/(?P<repository>[^@:\s]+)"
    rf"(?::(?P<tag>[^@:/\s]+))?(?:@(?P<digest>{DIGEST}))?"
)
# The three host names of Docker Hub. Image references contain the first name, as in `docker.io/library/debian`. `docker
# login` stores credentials under the second name. Requests go to the third name. Sources:
# github.com/distribution/reference; Docker CLI reference, "docker login".
DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")
_HOW = "write oci:<host>[:port]/<repository>[:tag|@sha256:…], such as oci:registry.example.com/acme/app:1.0"


@dataclass(frozen=True)
class RemoteImage:
    """An image to import from another registry. If both `tag` and `digest` are empty, the whole repository is imported.

    `registry` is a URL without a path.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag, digest = f":{self.tag}" if self.tag else "", f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def parse_image(text: str, *, plain_http: bool = False) -> RemoteImage:
    """Parses the name of an image to import: `oci:<host>[:port]/<repository>[:tag][@digest]`. With `plain_http`, the
    import reads the registry over HTTP without TLS.

    Raises RegistryError if `text` has another form. Also raises RegistryError if `plain_http` is set and the host is
    not this machine.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise RegistryError(f"{text}: is not the name of an image in a registry; {_HOW}")
    found = match.groupdict(default="")
    try:
        httpx.URL(f"https://{found['host']}")
    except httpx.InvalidURL as error:
        raise RegistryError(f"{text}: is not the name of an image in a registry: {error}; {_HOW}") from None
    if plain_http and not is_loopback(found["host"]):
        raise RegistryError(f"{text}: --plain-http is for registries on this machine only; {found['host']} needs https")
    scheme = "http" if plain_http else "https"
    host, repository = found["host"], found["repository"]
    if host in DOCKER_HUB:
        host, repository = DOCKER_HUB[-1], repository if "/" in repository else f"library/{repository}"
    return RemoteImage(f"{scheme}://{host}", repository, found["tag"], found["digest"])


def is_loopback(host: str) -> bool:
    """Returns whether a host is `localhost` or a loopback address, with or without a port. Sends no DNS queries."""
    name = re.sub(r":\d+$", "", host).strip("[]")
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
