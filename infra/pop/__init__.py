"""Points of presence of our own: the second edge network, on machines, behind one anycast address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.network import Network

CLIENT_PORT = 8443
"""Where a machine takes what clients send to port 443 of the anycast address: listening there needs no privilege."""


@dataclass(frozen=True)
class PopArgs:
    """The machines of one PoP. `machine_type` is an EC2 type with NVMe disks of its own, `identity` the name of an
    instance profile, `user_data` the cloud-config that every node boots (gzip in base64), and `boots_after` what it
    needs for that."""

    prefix: str
    region: str
    machine_type: str
    nodes: int
    network: Network
    identity: pulumi.Input[str]
    user_data: str
    boots_after: Sequence[pulumi.Resource]


@dataclass(frozen=True)
class Machine:
    """One machine of a PoP: `address` is where its requests to the shields come from."""

    name: str
    region: str
    instance_id: pulumi.Output[str]
    address: pulumi.Output[str]
