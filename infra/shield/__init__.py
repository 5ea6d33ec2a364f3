"""The regional shield: NVMe caches between the edge and the origin buckets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi

from contract.regions import Cloud
from contract.shields import host_suffix
from infra.network import Network


@dataclass(frozen=True)
class ShieldArgs:
    """The shield machines of one region.

    `machine_type` is the cloud's name for a machine with NVMe disks of its own. `identity` is what a machine is to the
    cloud: the name of an instance profile, or a service account. `edge_addresses` are the networks that the edge comes
    from. `user_data` is the cloud-config that every node boots; `boots_after` is what it needs for that.
    """

    prefix: str
    region: str
    machine_type: str
    nodes: int
    network: Network
    identity: pulumi.Input[str]
    edge_addresses: pulumi.Input[Sequence[str]]
    user_data: pulumi.Input[str]
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
