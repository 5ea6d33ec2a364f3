"""The machines of one PoP."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.pop import CLIENT_PORT, Machine, PopArgs
from infra.shield import EDGE_PORT, HEALTH_PORT
from infra.shield.ec2 import ROOT_GIB, debian_image

_EVERYBODY = ["0.0.0.0/0"]


class Pop(pulumi.ComponentResource):
    """Debian machines that clients reach through the anycast address, each with a fixed address towards the shields."""

    machines: Sequence[Machine]

    def __init__(self, name: str, args: PopArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:pop:Pop", name, None, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        group = self._security_group(name)
        image = debian_image(args.region, args.machine_type, self)
        self.machines = [
            self._machine(f"pop-{args.region}-{number}", number, group, image) for number in range(args.nodes)
        ]
        self.register_outputs({"addresses": {machine.name: machine.address for machine in self.machines}})

    def _security_group(self, name: str) -> aws.ec2.SecurityGroup:
        """Global Accelerator keeps clients' own addresses, and its health checkers are Route 53's (Global Accelerator
        guide, "Preserve client IP addresses" and "Ensure health check access")."""
        region = self._args.region
        checkers = aws.ec2.get_managed_prefix_list_output(
            name=f"com.amazonaws.{region}.route53-healthchecks",
            region=region,
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        return aws.ec2.SecurityGroup(
            name,
            name=f"{self._args.prefix}-pop",
            region=region,
            vpc_id=self._args.network.network_id,
            description="PoP machines: in from clients and the health checkers, out to shields and HTTPS",
            ingress=[
                aws.ec2.SecurityGroupIngressArgs(
                    description="clients",
                    protocol="tcp",
                    from_port=CLIENT_PORT,
                    to_port=CLIENT_PORT,
                    cidr_blocks=_EVERYBODY,
                ),
                aws.ec2.SecurityGroupIngressArgs(
                    description="Route 53 health checkers",
                    protocol="tcp",
                    from_port=HEALTH_PORT,
                    to_port=HEALTH_PORT,
                    prefix_list_ids=[checkers.id],
                ),
            ],
            egress=[
                aws.ec2.SecurityGroupEgressArgs(
                    description=description, protocol="tcp", from_port=port, to_port=port, cidr_blocks=_EVERYBODY
                )
                for port, description in ((443, "secrets, metadata, packages"), (EDGE_PORT, "shields"))
            ],
            opts=self._child,
        )

    def _machine(self, node: str, number: int, group: aws.ec2.SecurityGroup, image: pulumi.Output[str]) -> Machine:
        """The address comes first: shields let it in before the machine asks for anything."""
        args = self._args
        address = aws.ec2.Eip(node, region=args.region, domain="vpc", opts=self._child)
        instance = aws.ec2.Instance(
            node,
            region=args.region,
            ami=image,
            instance_type=args.machine_type,
            subnet_id=args.network.subnet_ids[number % len(args.network.subnet_ids)],
            associate_public_ip_address=True,  # the first boot starts before the fixed address is attached
            vpc_security_group_ids=[group.id],
            iam_instance_profile=args.identity,
            user_data_base64=args.user_data,
            user_data_replace_on_change=True,
            metadata_options={
                "http_tokens": "required",
                "http_endpoint": "enabled",
                "http_put_response_hop_limit": 1,
            },
            root_block_device={"encrypted": True, "volume_type": "gp3", "volume_size": ROOT_GIB},
            tags={"Name": f"{args.prefix}-{node}"},
            # A newer image alone must not replace every machine, and with it every cache, in one go.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["ami"], depends_on=args.boots_after),
        )
        aws.ec2.EipAssociation(
            node, region=args.region, allocation_id=address.allocation_id, instance_id=instance.id, opts=self._child
        )
        return Machine(node, args.region, instance.id, address.public_ip)
