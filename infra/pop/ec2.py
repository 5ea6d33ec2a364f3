"""Creates the addresses and the machines of one PoP on EC2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pulumi
import pulumi_aws as aws

from contract.shields import EDGE_PORT
from infra.machines.ec2 import MachineArgs, create_machine, debian_image
from infra.machines.serving import before_its_address_moves, when_it_serves
from infra.pop import EVERYONE, PopAddressesArgs, PopArgs, PopNode, pop_name

_HTTPS = 443


class PopAddresses(pulumi.ComponentResource):
    """The fixed addresses of a PoP's machines. Shields (regional caches) admit PoP machines by address, and a machine
    requests objects from shields as soon as it boots. Pulumi therefore creates the addresses before the machines.
    """

    nodes: Sequence[PopNode]

    def __init__(self, name: str, args: PopAddressesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:pop:PopAddresses", name, None, opts)
        nodes: list[PopNode] = []
        for number in range(args.nodes):
            node = pop_name(args.region, number)
            address = aws.ec2.Eip(
                node,
                region=args.region,
                domain="vpc",
                tags={"Name": f"{args.prefix}-{node}"},
                opts=pulumi.ResourceOptions(parent=self),
            )
            nodes.append(PopNode(node, args.region, "aws", address.public_ip, address.allocation_id))
        self.nodes = nodes
        self.register_outputs({"addresses": {node.name: node.address for node in nodes}})


class Ec2Pop(pulumi.ComponentResource):
    """PoP machines with Debian on EC2. Everyone can connect to their HTTPS port, and no one to any other port.

    `instances` are the IDs of the machines.
    """

    instances: Sequence[pulumi.Output[str]]

    def __init__(self, name: str, args: PopArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:pop:Ec2Pop", name, None, opts)
        self._args = args
        group = self._security_group(name)
        image = debian_image(args.region, args.machine_type, self)
        instances: list[pulumi.Output[str]] = []
        before: list[pulumi.Output[pulumi.Resource]] = []
        for number, node in enumerate(args.nodes):
            instance, serving = self._machine(node, number, group, image, before)
            instances.append(instance)
            before = [serving]
        self.instances = instances
        self.register_outputs({})

    def _security_group(self, name: str) -> aws.ec2.SecurityGroup:
        args = self._args
        shields = pulumi.Output.all(*args.shield_addresses).apply(lambda known: [f"{each}/32" for each in known])
        return aws.ec2.SecurityGroup(
            name,
            name=f"{args.prefix}-pop",
            region=args.region,
            vpc_id=args.network.network_id,
            description="PoP machines: in from clients, out to the shields and HTTPS",
            ingress=[
                aws.ec2.SecurityGroupIngressArgs(
                    description="clients and health checkers",
                    protocol="tcp",
                    from_port=_HTTPS,
                    to_port=_HTTPS,
                    cidr_blocks=EVERYONE,
                )
            ],
            egress=[
                aws.ec2.SecurityGroupEgressArgs(
                    description="secrets, metadata and packages",
                    protocol="tcp",
                    from_port=_HTTPS,
                    to_port=_HTTPS,
                    cidr_blocks=EVERYONE,
                ),
                aws.ec2.SecurityGroupEgressArgs(
                    description="shields", protocol="tcp", from_port=EDGE_PORT, to_port=EDGE_PORT, cidr_blocks=shields
                ),
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _machine(
        self,
        node: PopNode,
        number: int,
        group: aws.ec2.SecurityGroup,
        image: pulumi.Output[str],
        before: Sequence[pulumi.Output[pulumi.Resource]],
    ) -> tuple[pulumi.Output[str], pulumi.Output[pulumi.Resource]]:
        """Creates a machine. Returns its instance ID, and the association of its fixed address. The association becomes
        known when the machine serves clients.

        If Pulumi replaces a machine, the instance ID of the new machine becomes known only when the new machine may get
        the address. Until then, AWS Global Accelerator sends clients to the old machine. Shields (regional caches)
        admit the new machine only at this address, so it serves up to a minute later.

        `before` are resources of another machine in the same region. Pulumi creates or replaces this machine after
        these resources. An update therefore replaces the machines of a region one after the other.
        """
        args = self._args
        machine = MachineArgs(
            prefix=args.prefix,
            region=args.region,
            machine_type=args.machine_type,
            number=number,
            network=args.network,
            group=group,
            image=image,
            identity=args.identity,
            user_data=args.user_data[node.name],
            boots_after=[*args.boots_after, *before],
        )
        instance = create_machine(node.name, machine, self)
        allocation_id = cast("pulumi.Output[str]", node.allocation_id)
        moving = before_its_address_moves(args.serving, node.name, instance, allocation_id, args.region)
        association = aws.ec2.EipAssociation(
            node.name,
            region=args.region,
            allocation_id=allocation_id,
            instance_id=moving,
            allow_reassociation=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return moving, when_it_serves(args.serving, node.name, association)
