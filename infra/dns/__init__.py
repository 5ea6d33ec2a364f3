"""Geo-DNS: each name resolves to the nearest healthy region of the client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.shield import Node


@dataclass(frozen=True)
class DnsArgs:
    """The names of one stack's zone, and what they point to.

    Clients use `hostname`; the edge answers for it at `edge_target`. With `removable` the zone can be deleted while it
    has records.
    """

    zone_name: str
    hostname: str
    edge_target: str
    nodes: Sequence[Node]
    removable: bool
