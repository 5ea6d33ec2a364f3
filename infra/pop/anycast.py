"""One address for all PoPs: AWS Global Accelerator takes clients in near them and brings them to the nearest PoP that
is healthy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.pop import CLIENT_PORT, Machine
from infra.shield import HEALTH_PATH, HEALTH_PORT

_HTTPS = 443
_CHECK_SECONDS = 10  # the fast interval; the other is 30 (Global Accelerator API Reference, "EndpointGroup")
_CHECK_FAILURES = 3


@dataclass(frozen=True)
class AnycastArgs:
    """`machines` are those of all PoPs."""

    prefix: str
    machines: Sequence[Machine]


class Anycast(pulumi.ComponentResource):
    """The accelerator, its port for clients, and a group of endpoints in each PoP's region. `target` is its name."""

    target: pulumi.Output[str]

    def __init__(self, name: str, args: AnycastArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:pop:Anycast", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        accelerator = aws.globalaccelerator.Accelerator(
            name, name=f"{args.prefix}-{name}", ip_address_type="IPV4", enabled=True, opts=child
        )
        self._listener = aws.globalaccelerator.Listener(
            name,
            accelerator_arn=accelerator.arn,
            protocol="TCP",
            port_ranges=[{"from_port": _HTTPS, "to_port": _HTTPS}],
            opts=child,
        )
        regions = sorted({machine.region for machine in args.machines})
        for region in regions:
            self._group(region, [machine for machine in args.machines if machine.region == region])
        self.target = accelerator.dns_name
        self.register_outputs({"target": self.target})

    def _group(self, region: str, machines: Sequence[Machine]) -> None:
        aws.globalaccelerator.EndpointGroup(
            region,
            listener_arn=self._listener.arn,
            endpoint_group_region=region,
            endpoint_configurations=[
                # Of instances Global Accelerator always preserves it; unsaid, each refresh would show a change.
                {"endpoint_id": machine.instance_id, "weight": 128, "client_ip_preservation_enabled": True}
                for machine in machines
            ],
            health_check_protocol="HTTP",
            health_check_port=HEALTH_PORT,
            health_check_path=HEALTH_PATH,
            health_check_interval_seconds=_CHECK_SECONDS,
            threshold_count=_CHECK_FAILURES,
            port_overrides=[{"listener_port": _HTTPS, "endpoint_port": CLIENT_PORT}],
            traffic_dial_percentage=100.0,
            opts=pulumi.ResourceOptions(parent=self),
        )
