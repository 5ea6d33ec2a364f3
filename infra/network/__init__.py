"""The network that a region's shield machines stand in: public addresses, and the shortest way to the origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi

# Regions are never connected to each other, so each may use the same private addresses (RFC 1918).
ADDRESS_RANGE = "10.0.0.0/16"

SUBNET_RANGES = ("10.0.0.0/20", "10.0.16.0/20")


@dataclass(frozen=True)
class NetworkArgs:
    """One region's network. `prefix` begins the names of what the cloud wants named."""

    region: str
    prefix: str


class Network(Protocol):
    """The attributes that either cloud's network offers to the tiers in it."""

    network_id: pulumi.Output[str]
    subnet_ids: Sequence[pulumi.Output[str]]
    # The id of the private endpoint to S3 buckets of the same region, or None if the cloud has none.
    s3_endpoint: pulumi.Output[str] | None
