"""The regional shield: NVMe caches between the edge and the origin buckets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi

from contract.regions import Cloud
from contract.shields import host_suffix
from infra.blobs import Bucket
from infra.network import Network


@dataclass(frozen=True)
class BootSettings:
    """The buckets that shield machines read from, and the secret that they read. One value serves all regions.

    `buckets` begin with the primary. `standby` is a copy that can be an hour old: machines ask it when no bucket
    answers, but not for an object that the buckets lack. Only machines on Google Cloud can sign in to it.
    """

    buckets: Sequence[Bucket]
    secret_id: str
    secret_region: str
    standby: Bucket | None = None


@dataclass(frozen=True)
class ShieldArgs:
    """The shield machines of one region.

    `machine_type` is the cloud's name for a machine with NVMe disks of its own. `identity` is what a machine is to the
    cloud: the name of an instance profile, or a service account. `edge_addresses` are the networks that the edge comes
    from. `boot` and `role_arn` go into the user data. `role_arn` is the machines' role on AWS: machines on EC2 have it
    from their instance profile, machines on Google Cloud assume it. `boots_after` must exist before a machine boots.
    """

    prefix: str
    region: str
    machine_type: str
    nodes: int
    network: Network
    identity: pulumi.Input[str]
    edge_addresses: pulumi.Input[Sequence[str]]
    boot: BootSettings
    role_arn: pulumi.Input[str]
    boots_after: Sequence[pulumi.Resource]


@dataclass(frozen=True)
class Node:
    """One shield machine; its name, `<region>-<n>`, is known before the machine is."""

    name: str
    region: str
    cloud: Cloud
    address: pulumi.Output[str]


class Shield(Protocol):
    """What either cloud's machines give to the tiers that call them."""

    nodes: Sequence[Node]


def node_names(region: str, nodes: int) -> list[str]:
    """The names of a region's machines, first labels of their host names."""
    return [f"{region}-{number}" for number in range(nodes)]


def host(node: Node, zone_name: str) -> str:
    """The machine's host name, on its certificate and in DNS."""
    return f"{node.name}{host_suffix(zone_name)}"
