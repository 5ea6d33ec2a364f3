"""Geo-DNS: each host name of the network resolves to the healthy region that is nearest to the client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.edge import EdgeName
from infra.shield import Node


@dataclass(frozen=True)
class DnsArgs:
    """The host names in one stack's DNS zone, and the edge and the shield machines that they lead to.

    Clients use `hostname`, an alias of the edge's name. With `removable` the zone can be deleted while it has records.
    """

    zone_name: str
    hostname: str
    edge: EdgeName
    nodes: Sequence[Node]
    removable: bool
