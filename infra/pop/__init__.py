"""A PoP on a machine of our own: NGINX, the edge worker in workerd, and Traffic Server as L1.

No stack creates such a machine yet (docs/decisions/own-pops.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.edge import ShieldNode


@dataclass(frozen=True)
class Place:
    """The coordinates of a PoP in degrees. The worker orders the shields by their distance from the PoP."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class Ports:
    """The TCP ports of a PoP. All but `https` are ports of the loopback address.

    `l1` is the port of Traffic Server. `misses` is the port at which Traffic Server reaches the worker after a miss.
    `purges` is the port of the index of cache tags.
    """

    https: int = 443
    l1: int = 8081
    misses: int = 9100
    purges: int = 9101


@dataclass(frozen=True)
class Directories:
    """The directories of a PoP: configuration, secrets and sockets (in memory), the cache, and logs."""

    etc: str = "/etc/artifact-edge"
    run: str = "/run/artifact-edge"
    cache: str = "/var/cache/artifact-edge"
    log: str = "/var/log/artifact-edge"


@dataclass(frozen=True)
class PopSettings:
    """The settings of one PoP machine.

    `hostname` is the name that clients use. `worker` is the bundle that is also deployed to Cloudflare, and `version`
    identifies the bundle. `entitlements` is the address of the service that speaks the protocol of workerd's key-value
    stores. `shield_authority` is a PEM certificate that shields' certificates must chain to; without one, they must
    chain to a public authority. `network` limits the addresses that the worker may connect to, in workerd's terms.
    `memory` and `disk` are the sizes of L1 as Traffic Server writes them.
    """

    hostname: str
    worker: str
    version: str
    shields: Sequence[ShieldNode]
    place: Place
    entitlements: str
    metadata_api: str = ""
    reserved_python_names: Sequence[str] = ()
    processes: int = 4
    memory: str = "4G"
    disk: str = "200G"
    network: str = "public"
    nginx_user: str = "www-data artifact-edge"
    shield_authority: str | None = None
    ports: Ports = field(default_factory=Ports)
    directories: Directories = field(default_factory=Directories)
