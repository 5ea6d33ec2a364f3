"""The accelerator of AWS Global Accelerator in front of the PoPs on EC2.

Clients anywhere connect to the same two addresses, and AWS's network routes them to the nearest healthy PoP.
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from contract.shields import HEALTH_PATH
from infra.pop import AcceleratedPop, AcceleratorArgs, AcceleratorEntry

_HTTPS = 443
_CHECK_SECONDS = 10  # seconds between two probes of an endpoint: Global Accelerator accepts only 10 and 30
_CHECK_FAILURES = 3
_STATIC_ADDRESSES = 2  # Global Accelerator gives an accelerator two IPv4 addresses
_USUAL_WEIGHT = 128  # with equal weights, each machine of a region gets the same share of the clients


class Accelerator(pulumi.ComponentResource):
    """An accelerator with a listener for HTTPS, and an endpoint group for the PoP of each region.

    The endpoints are EC2 instances and not the Elastic IP addresses of the instances. An instance sees the addresses of
    clients, and an Elastic IP address as endpoint would hide them (Global Accelerator Developer Guide, "Requirements
    for endpoints with client IP address preservation"). The firewall needs these addresses, because its rate limits
    count requests by client address.

    The accelerator writes no flow logs, because flow logs contain the addresses of clients. No log of the network
    contains such addresses.
    """

    entry: AcceleratorEntry

    def __init__(self, name: str, args: AcceleratorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:pop:Accelerator", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        accelerator = aws.globalaccelerator.Accelerator(
            name, name=f"{args.prefix}-pops", enabled=True, ip_address_type="IPV4", opts=self._child
        )
        # A client can resume its TLS session at every machine. The accelerator therefore need not send a client to the
        # same machine again.
        listener = aws.globalaccelerator.Listener(
            name,
            accelerator_arn=accelerator.arn,
            protocol="TCP",
            client_affinity="NONE",
            port_ranges=[{"from_port": _HTTPS, "to_port": _HTTPS}],
            opts=self._child,
        )
        for pop in args.pops:
            self._endpoint_group(pop, listener)
        addresses = accelerator.ip_sets.apply(lambda sets: sets[0].ip_addresses or [])
        self.entry = AcceleratorEntry(
            addresses=[addresses.apply(lambda each, n=number: each[n]) for number in range(_STATIC_ADDRESSES)],
            dns_name=accelerator.dns_name,
            zone_id=accelerator.hosted_zone_id,
        )
        self.register_outputs({"dns_name": accelerator.dns_name, "addresses": addresses})

    def _endpoint_group(self, pop: AcceleratedPop, listener: aws.globalaccelerator.Listener) -> None:
        aws.globalaccelerator.EndpointGroup(
            f"accelerator-{pop.region}",
            listener_arn=listener.arn,
            endpoint_group_region=pop.region,
            traffic_dial_percentage=pop.traffic_dial,
            health_check_protocol="HTTPS",
            health_check_port=_HTTPS,
            health_check_path=HEALTH_PATH,
            health_check_interval_seconds=_CHECK_SECONDS,
            threshold_count=_CHECK_FAILURES,
            endpoint_configurations=[
                {"endpoint_id": each, "weight": _USUAL_WEIGHT, "client_ip_preservation_enabled": True}
                for each in pop.instances
            ],
            opts=self._child,
        )
