"""Creates the shield machines (regional caches) of one region on EC2."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from contract.shields import EDGE_PORT, HEALTH_PORT
from infra.machines.ec2 import MachineArgs, create_machine, debian_image, health_checkers
from infra.machines.serving import before_its_address_moves
from infra.machines.user_data import compressed
from infra.shield import Node, ShieldArgs, node_names
from infra.shield.user_data import render_user_data


class Ec2Shield(pulumi.ComponentResource):
    """Shield machines (regional caches) with Debian on EC2, each with a fixed address. Only the edge and Route 53's
    health checkers can connect.
    """

    nodes: Sequence[Node]

    def __init__(self, name: str, args: ShieldArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:shield:Ec2Shield", name, None, opts)
        self._args = args
        group = self._security_group(name)
        image = debian_image(args.region, args.machine_type, self)
        nodes: list[Node] = []
        before: list[pulumi.Resource] = []
        for number, node in enumerate(node_names(args.region, args.nodes)):
            address, association = self._machine(node, number, group, image, before)
            nodes.append(Node(node, args.region, "aws", address.public_ip))
            before = [association]
        self.nodes = nodes
        self.register_outputs({"addresses": {node.name: node.address for node in self.nodes}})

    def _security_group(self, name: str) -> aws.ec2.SecurityGroup:
        region = self._args.region
        return aws.ec2.SecurityGroup(
            name,
            name=f"{self._args.prefix}-shield",
            region=region,
            vpc_id=self._args.network.network_id,
            description="Shield machines: in from the edge and the health checkers, out to HTTPS",
            ingress=[
                aws.ec2.SecurityGroupIngressArgs(
                    description="the edge",
                    protocol="tcp",
                    from_port=EDGE_PORT,
                    to_port=EDGE_PORT,
                    cidr_blocks=self._args.edge_addresses,
                ),
                health_checkers(region, HEALTH_PORT, self),
            ],
            egress=[
                {
                    "description": "objects, secrets and packages",
                    "protocol": "tcp",
                    "from_port": 443,
                    "to_port": 443,
                    "cidr_blocks": ["0.0.0.0/0"],
                }
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _machine(
        self,
        node: str,
        number: int,
        group: aws.ec2.SecurityGroup,
        image: pulumi.Output[str],
        before: Sequence[pulumi.Resource],
    ) -> tuple[aws.ec2.Eip, aws.ec2.EipAssociation]:
        """Creates a machine and its fixed address. Returns the address, and the address's association with the machine.

        `before` are resources of another machine in the same region. Pulumi creates or replaces this machine after
        these resources. An update therefore replaces the machines of a region one after the other.
        """
        args, child = self._args, pulumi.ResourceOptions(parent=self)
        address = aws.ec2.Eip(node, region=args.region, domain="vpc", opts=child)
        machine = MachineArgs(
            prefix=args.prefix,
            region=args.region,
            machine_type=args.machine_type,
            number=number,
            network=args.network,
            group=group,
            image=image,
            identity=args.identity,
            user_data=pulumi.Output.from_input(args.role_arn).apply(
                lambda role_arn: compressed(render_user_data(args.boot, node, args.region, "aws", role_arn))
            ),
            boots_after=[*args.boots_after, *before],
        )
        instance = create_machine(node, machine, self)
        association = aws.ec2.EipAssociation(
            node,
            region=args.region,
            allocation_id=address.allocation_id,
            instance_id=before_its_address_moves(args.boot.serving, node, instance, address.allocation_id, args.region),
            allow_reassociation=True,
            opts=child,
        )
        return address, association
