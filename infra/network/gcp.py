"""Creates the network of the shield machines (regional caches) in one Google Cloud region."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp

from infra.network import SUBNET_RANGES, NetworkArgs


class GcpNetwork(pulumi.ComponentResource):
    """A VPC with one regional subnet. Requests from the subnet to Google's own APIs stay within Google's network."""

    network_id: pulumi.Output[str]
    subnet_ids: Sequence[pulumi.Output[str]]
    s3_endpoint: pulumi.Output[str] | None = None

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:network:GcpNetwork", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        network = gcp.compute.Network(
            name, name=f"{args.prefix}-{args.region}", auto_create_subnetworks=False, opts=child
        )
        subnet = gcp.compute.Subnetwork(
            name,
            name=f"{args.prefix}-{args.region}",
            region=args.region,
            network=network.id,
            ip_cidr_range=SUBNET_RANGES[0],
            private_ip_google_access=True,
            opts=child,
        )
        self.network_id = network.id
        self.subnet_ids = [subnet.id]
        self.register_outputs({"network_id": self.network_id, "subnet_ids": self.subnet_ids})
