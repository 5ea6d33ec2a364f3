"""Bulk import of images: pulls them from other registries by the OCI Distribution Specification 1.1."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from registry import RegistryError

_FORM = re.compile(
    r"oci:(?P<host>localhost|[^/@\s]*[.:][^/@\s]*)/(?P<repository>[^@:\s]+)"
    r"(?::(?P<tag>[^@:/\s]+))?(?:@(?P<digest>sha256:[a-f0-9]{64}))?"
)
_HOW = "write oci:<host>[:port]/<repository>[:tag|@sha256:…], such as oci:registry.example.com/acme/app:1.0"


@dataclass(frozen=True)
class RemoteImage:
    """An image in another registry, or all of a repository where it has neither tag nor digest. `registry` is a URL
    without a path."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag, digest = f":{self.tag}" if self.tag else "", f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def parse_image(text: str, *, plain_http: bool = False) -> RemoteImage:
    """`oci:<host>[:port]/<repository>[:tag][@digest]`. Raises RegistryError, also for clear text that leaves this
    machine."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise RegistryError(f"{text}: names no image of a registry; {_HOW}")
    found = match.groupdict(default="")
    if plain_http and not is_loopback(found["host"]):
        raise RegistryError(f"{text}: --plain-http is for registries on this machine only; {found['host']} needs https")
    scheme = "http" if plain_http else "https"
    return RemoteImage(f"{scheme}://{found['host']}", found["repository"], found["tag"], found["digest"])


def is_loopback(host: str) -> bool:
    """Whether a host, with a port or without, is this machine by its very name."""
    name = re.sub(r":\d+$", "", host).strip("[]")
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
