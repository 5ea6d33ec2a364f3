"""Creates the addresses and the machines of one PoP on Compute Engine."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp

from contract.shields import EDGE_PORT
from infra.machines.gce import Admission, MachineArgs, admit, create_machine, when_it_serves, zone
from infra.network import SUBNET_RANGES
from infra.pop import EVERYONE, PopAddressesArgs, PopArgs, PopNode, Ports, pop_name
from infra.pop.google_balancer import BalancedMachine

# The priorities of the firewall rules for outgoing connections. Of the rules that match, the one with the lowest number
# applies. Every VPC has an implied rule with the priority 65535, which allows all outgoing connections (VPC, "VPC
# firewall rules").
_ALLOWED = 1000
_DENIED = 65534
# The port of the mirrors from which Ubuntu's images on Compute Engine install packages, such as
# http://europe-west4.gce.archive.ubuntu.com. The mirrors have no fixed addresses. apt checks the packages' signatures.
_UBUNTU_MIRRORS = "80"
# The position of the first machine's address in the subnet. Google Cloud reserves the first two addresses and the last
# two of a subnet (VPC, "Subnets", "Unusable addresses in IPv4 subnet ranges").
_FIRST_ADDRESS = 10


class GcePopAddresses(pulumi.ComponentResource):
    """The fixed addresses of a PoP's machines on Compute Engine. Pulumi creates the addresses before the machines, as
    on EC2 (infra/pop/ec2.py).
    """

    nodes: Sequence[PopNode]

    def __init__(self, name: str, args: PopAddressesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:pop:GcePopAddresses", name, None, opts)
        nodes: list[PopNode] = []
        for number in range(args.nodes):
            node = pop_name(args.region, number)
            address = gcp.compute.Address(
                node, name=f"{args.prefix}-{node}", region=args.region, opts=pulumi.ResourceOptions(parent=self)
            )
            nodes.append(PopNode(node, args.region, "gcp", address.address))
        self.nodes = nodes
        self.register_outputs({"addresses": {node.name: node.address for node in nodes}})


class GcePop(pulumi.ComponentResource):
    """PoP machines with Ubuntu on Compute Engine. Everyone can connect to their HTTPS port, and no one to any other
    port. `machines` are the machines, as a load balancer needs them.

    The machines can connect to shields (regional caches), to HTTPS, and to HTTP for packages. The metadata server and
    its time service need no rule (VPC, "VPC firewall rules", "Always allowed traffic").
    """

    machines: Sequence[BalancedMachine]

    def __init__(self, name: str, args: PopArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:pop:GcePop", name, None, opts)
        self._args, self._ports = args, Ports()
        clients = f"pop-{args.region}-clients"
        admit(Admission(clients, f"{args.prefix}-{clients}", self._ports.https, EVERYONE), args.network, self)
        self._let_out()
        instances: list[gcp.compute.Instance] = []
        after: list[pulumi.Output[pulumi.Resource]] = []
        for number, node in enumerate(args.nodes):
            instances.append(self._machine(node, number, after))
            if number + 1 < len(args.nodes):
                after = [when_it_serves(args.serving, node.name, instances[-1], args.nodes[number + 1].name)]
        self.machines = [
            BalancedMachine(node.name, instance.name, zone(args.region, number), _private_address(number))
            for number, (node, instance) in enumerate(zip(args.nodes, instances, strict=True))
        ]
        self.register_outputs({})

    def _let_out(self) -> None:
        """Creates the firewall rules for outgoing connections."""
        shields = pulumi.Output.all(*self._args.shield_addresses).apply(lambda known: [f"{each}/32" for each in known])
        https, edge = str(self._ports.https), str(EDGE_PORT)
        self._outgoing("https", _ALLOWED, EVERYONE, allows=[{"protocol": "tcp", "ports": [https]}])
        self._outgoing("packages", _ALLOWED, EVERYONE, allows=[{"protocol": "tcp", "ports": [_UBUNTU_MIRRORS]}])
        self._outgoing("shields", _ALLOWED, shields, allows=[{"protocol": "tcp", "ports": [edge]}])
        self._outgoing("nothing", _DENIED, EVERYONE, denies=[{"protocol": "all"}])

    def _outgoing(
        self,
        what: str,
        priority: int,
        destinations: pulumi.Input[Sequence[str]],
        allows: Sequence[gcp.compute.FirewallAllowArgsDict] | None = None,
        denies: Sequence[gcp.compute.FirewallDenyArgsDict] | None = None,
    ) -> None:
        name = f"pop-{self._args.region}-to-{what}"
        gcp.compute.Firewall(
            name,
            name=f"{self._args.prefix}-{name}",
            network=self._args.network.network_id,
            direction="EGRESS",
            priority=priority,
            allows=allows,
            denies=denies,
            destination_ranges=destinations,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _machine(
        self, node: PopNode, number: int, after: Sequence[pulumi.Output[pulumi.Resource]]
    ) -> gcp.compute.Instance:
        args = self._args
        machine = MachineArgs(
            prefix=args.prefix,
            region=args.region,
            machine_type=args.machine_type,
            number=number,
            network=args.network,
            address=node.address,
            identity=args.identity,
            user_data=args.user_data[node.name],
            after=[*args.boots_after, *after],
            private_address=_private_address(number),
        )
        return create_machine(node.name, machine, self)


def _private_address(number: int) -> str:
    """Returns the address of a machine in its subnet. The program chooses the address, because the endpoint of a load
    balancer contains it.
    """
    return str(ipaddress.ip_network(SUBNET_RANGES[0])[_FIRST_ADDRESS + number])
