"""Tests Elastic IP addresses of the emulated EC2. An address can belong to only one instance, and not to a terminated
instance.
"""

from __future__ import annotations

from typing import Any

import pytest

from emulation.providers.aws.clients import client

pytestmark = pytest.mark.usefixtures("aws_cloud")


def ec2() -> Any:
    return client("ec2", {"region": "eu-west-1"})


def instance() -> str:
    """Starts an instance with an automatic public address, and returns its ID."""
    vpc = ec2().create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2().create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    interface = {"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": True}
    started = ec2().run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, NetworkInterfaces=[interface])
    return started["Instances"][0]["InstanceId"]


def public_address(id: str) -> str | None:
    return ec2().describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0].get("PublicIpAddress")


def test_an_address_that_moves_leaves_its_instance_which_gets_another_one() -> None:
    old, new = instance(), instance()
    address = ec2().allocate_address(Domain="vpc")
    ec2().associate_address(AllocationId=address["AllocationId"], InstanceId=old)
    ec2().associate_address(AllocationId=address["AllocationId"], InstanceId=new, AllowReassociation=True)
    assert public_address(new) == address["PublicIp"]
    assert public_address(old) not in (None, address["PublicIp"])


def test_the_address_of_a_terminated_instance_is_free() -> None:
    old, new = instance(), instance()
    allocation = ec2().allocate_address(Domain="vpc")["AllocationId"]
    ec2().associate_address(AllocationId=allocation, InstanceId=old)
    ec2().terminate_instances(InstanceIds=[old])
    assert "AssociationId" not in ec2().describe_addresses(AllocationIds=[allocation])["Addresses"][0]
    ec2().associate_address(AllocationId=allocation, InstanceId=new, AllowReassociation=False)


def test_an_instance_that_stops_and_starts_keeps_its_address() -> None:
    id, address = instance(), ec2().allocate_address(Domain="vpc")
    ec2().associate_address(AllocationId=address["AllocationId"], InstanceId=id)
    ec2().stop_instances(InstanceIds=[id])
    ec2().start_instances(InstanceIds=[id])
    assert public_address(id) == address["PublicIp"]
