"""Geo-DNS: each host name of the network resolves to the healthy region that is nearest to the client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.edge import EdgeName
from infra.shield import Node


@dataclass(frozen=True)
class DnsArgs:
    """Arguments of the component that creates one stack's DNS zone. The names in the zone lead to the edge and to the
    shield machines `nodes`.

    `hostname` is the name that clients use. Its CNAME record leads to the edge's name, and has a `weight` from 0 to
    100. With `second_network`, `hostname` has another record, which leads to PoPs of our own. With `removable`, the
    zone can be deleted while it has records.
    """

    zone_name: str
    hostname: str
    edge: EdgeName
    nodes: Sequence[Node]
    removable: bool
    weight: int = 100
    second_network: bool = False
