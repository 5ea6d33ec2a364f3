"""Geo-DNS: each host name of the network resolves to the healthy region that is nearest to the client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.edge import EdgeName
from infra.shield import Node


@dataclass(frozen=True)
class DnsArgs:
    """Arguments of the component that creates the DNS zone of one stack. The names in the zone resolve to the edge and
    to the shield machines `nodes`, which are regional caches.

    `hostname` is the name that clients use. Its CNAME record points to the edge's name, and has the weight `weight`,
    from 0 to 100. If `second_network` is true, `hostname` has another record, which points to PoPs of our own. If
    `removable` is true, Pulumi can delete the zone while the zone has records.
    """

    zone_name: str
    hostname: str
    edge: EdgeName
    nodes: Sequence[Node]
    removable: bool
    weight: int = 100
    second_network: bool = False
