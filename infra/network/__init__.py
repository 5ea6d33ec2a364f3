"""The network that a region's shield machines stand in: public addresses, and the shortest way to the origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi

ADDRESS_RANGE = "10.0.0.0/16"
"""Regions are never joined to each other, so that each may use the same private addresses (RFC 1918)."""

SUBNET_RANGES = ("10.0.0.0/20", "10.0.16.0/20")


@dataclass(frozen=True)
class NetworkArgs:
    """One region's network. `prefix` begins the names of what the cloud wants named."""

    region: str
    prefix: str


class Network(Protocol):
    """What either cloud's network gives to the tiers that stand in it."""

    network_id: pulumi.Output[str]
    subnet_ids: Sequence[pulumi.Output[str]]
    s3_endpoint: pulumi.Output[str] | None
    """The private way to the S3 buckets of the same region, where the cloud has one."""
