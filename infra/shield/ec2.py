"""Creates the shield machines of one region on EC2."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from contract.shields import EDGE_PORT, HEALTH_PORT
from infra.shield import Node, ShieldArgs, node_names
from infra.shield.user_data import compressed, render_user_data

# the AWS account of the Debian project, which owns the machine images (Debian wiki, "Cloud/AmazonEC2Image")
_DEBIAN = "136693071363"
# Types of machines with ARM processors have a `g` after the generation (EC2 User Guide, "Instance type naming
# conventions").
_GRAVITON = re.compile(r"[a-z]+\d+g")
_ROOT_GIB = 16  # size of the root disk for system and logs; the cache is on the instance's local NVMe disks


class Ec2Shield(pulumi.ComponentResource):
    """Shield machines with Debian on EC2, each with a fixed address. Only the edge and Route 53's health checkers can
    connect.
    """

    nodes: Sequence[Node]

    def __init__(self, name: str, args: ShieldArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:shield:Ec2Shield", name, None, opts)
        self._args = args
        self._user_data = pulumi.Output.from_input(args.role_arn).apply(
            lambda role_arn: compressed(render_user_data(args.boot, args.region, "aws", role_arn))
        )
        group = self._security_group(name)
        image = self._image()
        self.nodes = [
            Node(node, args.region, "aws", self._machine(node, number, group, image).public_ip)
            for number, node in enumerate(node_names(args.region, args.nodes))
        ]
        self.register_outputs({"addresses": {node.name: node.address for node in self.nodes}})

    def _security_group(self, name: str) -> aws.ec2.SecurityGroup:
        region = self._args.region
        checkers = aws.ec2.get_managed_prefix_list_output(
            name=f"com.amazonaws.{region}.route53-healthchecks",
            region=region,
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
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
                aws.ec2.SecurityGroupIngressArgs(
                    description="Route 53 health checkers",
                    protocol="tcp",
                    from_port=HEALTH_PORT,
                    to_port=HEALTH_PORT,
                    prefix_list_ids=[checkers.id],
                ),
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

    def _image(self) -> pulumi.Output[str]:
        architecture = "arm64" if _GRAVITON.match(self._args.machine_type) else "amd64"
        return aws.ec2.get_ami_output(
            region=self._args.region,
            owners=[_DEBIAN],
            filters=[{"name": "name", "values": [f"debian-12-{architecture}-*"]}],
            most_recent=True,
            opts=pulumi.InvokeOutputOptions(parent=self),
        ).id

    def _machine(self, node: str, number: int, group: aws.ec2.SecurityGroup, image: pulumi.Output[str]) -> aws.ec2.Eip:
        args = self._args
        instance = aws.ec2.Instance(
            node,
            region=args.region,
            ami=image,
            instance_type=args.machine_type,
            subnet_id=args.network.subnet_ids[number % len(args.network.subnet_ids)],
            # the machine needs internet access at its first boot, when the fixed address is not attached yet
            associate_public_ip_address=True,
            vpc_security_group_ids=[group.id],
            iam_instance_profile=args.identity,
            user_data_base64=self._user_data,
            user_data_replace_on_change=True,
            metadata_options={
                "http_tokens": "required",
                "http_endpoint": "enabled",
                "http_put_response_hop_limit": 1,
            },
            root_block_device={"encrypted": True, "volume_type": "gp3", "volume_size": _ROOT_GIB},
            tags={"Name": f"{args.prefix}-{node}"},
            # A newer machine image does not replace machines, because the replacement of all shields at once would
            # empty every cache.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["ami"], depends_on=args.boots_after),
        )
        return aws.ec2.Eip(
            node, region=args.region, domain="vpc", instance=instance.id, opts=pulumi.ResourceOptions(parent=self)
        )
