"""The network of the shield machines (regional caches) in one region: public addresses, and private access to the
origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi

# The networks of different regions are never connected, so all regions use the same private addresses (RFC 1918).
ADDRESS_RANGE = "10.0.0.0/16"

SUBNET_RANGES = ("10.0.0.0/20", "10.0.16.0/20")


@dataclass(frozen=True)
class NetworkArgs:
    """Arguments of the network of one region's shields (regional caches). Names of the network's resources in the cloud
    begin with `prefix`.
    """

    region: str
    prefix: str


class Network(Protocol):
    """The network of one region's shields (regional caches), on AWS or on Google Cloud. The program creates the shield
    machines with the values of these attributes.
    """

    network_id: pulumi.Output[str]
    subnet_ids: Sequence[pulumi.Output[str]]
    # The id of the private endpoint through which the network reaches the S3 buckets of its region. The id is None on a
    # cloud without such an endpoint.
    s3_endpoint: pulumi.Output[str] | None
