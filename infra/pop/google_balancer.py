"""The load balancer of Google Cloud in front of the PoPs on Compute Engine.

It is a global external proxy Network Load Balancer. Clients anywhere connect to the same address, and Google's network
routes them to the nearest healthy PoP (docs/decisions/google-load-balancer.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from contract.pops import GOOGLE_FRONT_ENDS
from contract.shields import HEALTH_PATH
from infra.machines.gce import Admission, admit
from infra.network import Network
from infra.pop import Ports

_SCHEME = "EXTERNAL_MANAGED"
_CHECK_SECONDS = 10
_CHECK_TIMEOUT_SECONDS = 5
_CHECK_FAILURES = 3
# The number of connections at which Google's front ends prefer another PoP. It is less than the connections that a PoP
# machine holds (docs/capacity.md).
_MOST_CONNECTIONS = 40_000
# The time after which a front end closes an idle connection. NGINX closes connections of clients after 75 s, so NGINX
# is the first, and clients notice no other limit.
_IDLE_SECONDS = 90
_DRAINING_SECONDS = 60


@dataclass(frozen=True)
class BalancedMachine:
    """A PoP machine behind the load balancer. `instance` is the name of the instance on Compute Engine. `address` is
    the machine's address in its subnet.
    """

    name: str
    instance: pulumi.Input[str]
    zone: str
    address: str


@dataclass(frozen=True)
class BalancedPop:
    """A PoP behind the load balancer. If `drained` is true, Google leads no new clients to the PoP."""

    region: str
    network: Network
    machines: Sequence[BalancedMachine]
    drained: bool


@dataclass(frozen=True)
class GoogleBalancerArgs:
    """Arguments of the component that creates the load balancer in front of the PoPs on Compute Engine. Health checks
    request `hostname`, the name that clients connect to.
    """

    prefix: str
    hostname: str
    pops: Sequence[BalancedPop]


class GoogleBalancer(pulumi.ComponentResource):
    """A load balancer with one address, and with a backend for the machines of each zone.

    The load balancer does not end TLS. It connects to a port of NGINX of its own, and sends the address of the client
    there first, with the PROXY protocol. The firewall needs these addresses, because its rate limits count requests by
    client address.

    The backends are network endpoint groups and not instance groups. A replaced machine has the same name, and an
    instance group would lose it: Compute Engine removes a deleted instance from the group, and Pulumi would notice no
    change. The endpoint of a machine is a resource of its own, which Pulumi replaces with the machine.
    """

    address: pulumi.Output[str]

    def __init__(self, name: str, args: GoogleBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:pop:GoogleBalancer", name, None, opts)
        self._args, self._port = args, Ports().proxied
        self._child = pulumi.ResourceOptions(parent=self)
        full_name = f"{args.prefix}-pops"
        backends = [backend for pop in args.pops for backend in self._backends(pop)]
        service = gcp.compute.BackendService(
            name,
            name=full_name,
            protocol="TCP",
            load_balancing_scheme=_SCHEME,
            health_checks=self._health_check(name, full_name).id,
            backends=backends,
            timeout_sec=_IDLE_SECONDS,
            connection_draining_timeout_sec=_DRAINING_SECONDS,
            opts=self._child,
        )
        proxy = gcp.compute.TargetTCPProxy(
            name, name=full_name, backend_service=service.id, proxy_header="PROXY_V1", opts=self._child
        )
        address = gcp.compute.GlobalAddress(name, name=full_name, opts=self._child)
        gcp.compute.GlobalForwardingRule(
            name,
            name=full_name,
            ip_address=address.address,
            ip_protocol="TCP",
            port_range=str(Ports().https),
            target=proxy.id,
            load_balancing_scheme=_SCHEME,
            network_tier="PREMIUM",
            opts=self._child,
        )
        self.address = address.address
        self.register_outputs({"address": self.address})

    def _health_check(self, name: str, full_name: str) -> gcp.compute.HealthCheck:
        """Creates the health check, which connects to the same port as the load balancer, with the PROXY protocol."""
        return gcp.compute.HealthCheck(
            name,
            name=full_name,
            check_interval_sec=_CHECK_SECONDS,
            timeout_sec=_CHECK_TIMEOUT_SECONDS,
            healthy_threshold=1,
            unhealthy_threshold=_CHECK_FAILURES,
            https_health_check={
                "host": self._args.hostname,
                "request_path": HEALTH_PATH,
                "port_specification": "USE_SERVING_PORT",
                "proxy_header": "PROXY_V1",
            },
            opts=self._child,
        )

    def _backends(self, pop: BalancedPop) -> list[gcp.compute.BackendServiceBackendArgsDict]:
        """Creates the endpoints of a PoP and the firewall rule that admits Google's front ends and health checkers.
        Returns a backend for each zone of the PoP.
        """
        rule = f"pop-{pop.region}-balancer"
        admit(Admission(rule, f"{self._args.prefix}-{rule}", self._port, GOOGLE_FRONT_ENDS), pop.network, self)
        return [
            {
                "group": self._group(pop, zone).id,
                "balancing_mode": "CONNECTION",
                "max_connections_per_endpoint": _MOST_CONNECTIONS,
                "capacity_scaler": 0.0 if pop.drained else 1.0,
            }
            for zone in dict.fromkeys(machine.zone for machine in pop.machines)
        ]

    def _group(self, pop: BalancedPop, zone: str) -> gcp.compute.NetworkEndpointGroup:
        name = f"pop-{zone}"
        group = gcp.compute.NetworkEndpointGroup(
            name,
            name=f"{self._args.prefix}-{name}",
            zone=zone,
            network=pop.network.network_id,
            subnetwork=pop.network.subnet_ids[0],
            network_endpoint_type="GCE_VM_IP_PORT",
            default_port=self._port,
            opts=self._child,
        )
        for machine in (each for each in pop.machines if each.zone == zone):
            gcp.compute.NetworkEndpoint(
                machine.name,
                network_endpoint_group=group.name,
                zone=zone,
                instance=machine.instance,
                ip_address=machine.address,
                port=self._port,
                opts=self._child,
            )
        return group
