"""Creates the shield machines (regional caches) of one region on Compute Engine."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp

from contract.shields import EDGE_PORT, HEALTH_PORT
from infra.machines.gce import Admission, MachineArgs, admit, create_machine, health_checkers, when_it_serves
from infra.shield import Node, ShieldArgs, node_names
from infra.shield.user_data import render_user_data


class GceShield(pulumi.ComponentResource):
    """Shield machines (regional caches) as Shielded VMs on Compute Engine, each with a fixed address. Only the edge and
    Route 53's health checkers can connect.
    """

    nodes: Sequence[Node]

    def __init__(self, name: str, args: ShieldArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:shield:GceShield", name, None, opts)
        self._args = args
        self._let_in("edge", EDGE_PORT, args.edge_addresses)
        self._let_in("health", HEALTH_PORT, health_checkers(self))
        nodes: list[Node] = []
        before: gcp.compute.Instance | None = None
        for number, node in enumerate(node_names(args.region, args.nodes)):
            address = gcp.compute.Address(
                node, name=f"{args.prefix}-{node}", region=args.region, opts=pulumi.ResourceOptions(parent=self)
            )
            after = [when_it_serves(args.boot.serving, nodes[-1].name, before, node)] if before else []
            before = self._machine(node, number, address, after)
            nodes.append(Node(node, args.region, "gcp", address.address))
        self.nodes = nodes
        self.register_outputs({"addresses": {node.name: node.address for node in self.nodes}})

    def _let_in(self, who: str, port: int, networks: pulumi.Input[Sequence[str]]) -> None:
        name = f"{self._args.region}-{who}"
        admit(Admission(name, f"{self._args.prefix}-{name}", port, networks), self._args.network, self)

    def _machine(
        self,
        node: str,
        number: int,
        address: gcp.compute.Address,
        after: Sequence[pulumi.Output[pulumi.Resource]],
    ) -> gcp.compute.Instance:
        """Creates a machine with a fixed address. If an update replaces both this machine and the machines `after`,
        Pulumi replaces those first.
        """
        args = self._args
        machine = MachineArgs(
            prefix=args.prefix,
            region=args.region,
            machine_type=args.machine_type,
            number=number,
            network=args.network,
            address=address.address,
            identity=args.identity,
            user_data=pulumi.Output.from_input(args.role_arn).apply(
                lambda role_arn: render_user_data(args.boot, node, args.region, "gcp", role_arn)
            ),
            after=[*args.boots_after, *after],
        )
        return create_machine(node, machine, self)
