"""Creates machines with Debian on EC2: their image, the instance, and the rules that admit Route 53's health
checkers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.machines.user_data import Architecture
from infra.network import Network

# the AWS account of the Debian project, which owns the machine images (Debian wiki, "Cloud/AmazonEC2Image")
_DEBIAN = "136693071363"
# Matches instance types with ARM processors. These types have a `g` after the generation (EC2 User Guide, "Instance
# type naming conventions").
_GRAVITON = re.compile(r"[a-z]+\d+g")
_ROOT_GIB = 16  # the root disk has only the system and its logs; the caches are on local NVMe disks


@dataclass(frozen=True)
class MachineArgs:
    """Arguments of one machine on EC2.

    `machine_type` is an EC2 instance type. `number` is the machine's number in its region. This number decides in which
    subnet the machine is. `identity` is the name of the machine's instance profile. `user_data` is compressed with gzip
    and encoded in base64. The resources in `boots_after` must exist before the machine boots.
    """

    prefix: str
    region: str
    machine_type: str
    number: int
    network: Network
    group: aws.ec2.SecurityGroup
    image: pulumi.Output[str]
    identity: pulumi.Input[str]
    user_data: pulumi.Input[str]
    boots_after: Sequence[pulumi.Input[pulumi.Resource]]


def architecture(machine_type: str) -> Architecture:
    """Returns Debian's name for the processor architecture of an EC2 instance type: `arm64` or `amd64`."""
    return "arm64" if _GRAVITON.match(machine_type) else "amd64"


def debian_image(region: str, machine_type: str, parent: pulumi.Resource) -> pulumi.Output[str]:
    """Returns the id of the newest image of Debian 12 for a machine type."""
    return aws.ec2.get_ami_output(
        region=region,
        owners=[_DEBIAN],
        filters=[{"name": "name", "values": [f"debian-12-{architecture(machine_type)}-*"]}],
        most_recent=True,
        opts=pulumi.InvokeOutputOptions(parent=parent),
    ).id


def health_checkers(region: str, port: int, parent: pulumi.Resource) -> aws.ec2.SecurityGroupIngressArgs:
    """Returns the rule of a security group that admits Route 53's health checkers to a port."""
    checkers = aws.ec2.get_managed_prefix_list_output(
        name=f"com.amazonaws.{region}.route53-healthchecks",
        region=region,
        opts=pulumi.InvokeOutputOptions(parent=parent),
    )
    return aws.ec2.SecurityGroupIngressArgs(
        description="Route 53 health checkers",
        protocol="tcp",
        from_port=port,
        to_port=port,
        prefix_list_ids=[checkers.id],
    )


def create_machine(name: str, args: MachineArgs, parent: pulumi.Resource) -> aws.ec2.Instance:
    """Creates a machine with a public address. The machine's security group decides who can connect to it."""
    return aws.ec2.Instance(
        name,
        region=args.region,
        ami=args.image,
        instance_type=args.machine_type,
        subnet_id=args.network.subnet_ids[args.number % len(args.network.subnet_ids)],
        # The machine gets a temporary public address, because it needs internet access at its first boot. The machine
        # gets its fixed address later, because the machine that it replaces still has this address.
        associate_public_ip_address=True,
        vpc_security_group_ids=[args.group.id],
        iam_instance_profile=args.identity,
        user_data_base64=args.user_data,
        user_data_replace_on_change=True,
        metadata_options={
            "http_tokens": "required",
            "http_endpoint": "enabled",
            "http_put_response_hop_limit": 1,
        },
        root_block_device={"encrypted": True, "volume_type": "gp3", "volume_size": _ROOT_GIB},
        tags={"Name": f"{args.prefix}-{name}"},
        # Pulumi does not replace the machines when there is a newer machine image. A replacement of all machines at
        # once would empty every cache. Another type needs a new machine, because Pulumi's provider would otherwise stop
        # the machine to change the type. Its clients would wait, and its cache would be empty too.
        opts=pulumi.ResourceOptions(
            parent=parent,
            ignore_changes=["ami"],
            replace_on_changes=["instance_type"],
            depends_on=args.boots_after,
        ),
    )
