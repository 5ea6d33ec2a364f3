"""A probe of Elastic IP addresses. Moves an address from one EC2 instance to a second instance, and then terminates the
second instance.

Two instances of the smallest type run for some minutes. With their public addresses, they cost less than a cent (EC2
pricing; VPC pricing, "Public IPv4 addresses").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from probes.aws import AwsAccount
from probes.fact import Fact, Probe
from probes.waiting import becomes_true

_TYPE = "t4g.nano"
_IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-minimal-kernel-default-arm64"
# The ID of an availability zone in us-east-1. If EC2 does not offer the instance type `_TYPE` in this zone, the probe
# fails with an error from EC2 that says so.
_ZONE = "use1-az4"
# An instance that loses its Elastic IP address gets a new public address "within a few minutes" (EC2 User Guide,
# "Elastic IP addresses").
_TIMEOUT_SECONDS = 300.0


class _Instances:
    """A VPC with an internet gateway, an Elastic IP address, and the EC2 instances that the probe starts in the VPC."""

    def __init__(self, account: AwsAccount) -> None:
        self._account = account
        self._ec2 = account.client("ec2")
        self._image = account.client("ssm").get_parameter(Name=_IMAGE)["Parameter"]["Value"]
        self._subnet = self._public_subnet()
        allocated = self._ec2.allocate_address(Domain="vpc")
        self._allocation, self.address = allocated["AllocationId"], allocated["PublicIp"]
        account.later(self._release)

    def start(self) -> str:
        """Starts an instance that gets a public address automatically, and waits until it runs. Returns the instance's
        ID. The instance is terminated when the probe ends.
        """
        interface = {"DeviceIndex": 0, "SubnetId": self._subnet, "AssociatePublicIpAddress": True}
        started = self._ec2.run_instances(
            ImageId=self._image, InstanceType=_TYPE, MinCount=1, MaxCount=1, NetworkInterfaces=[interface]
        )
        id: str = started["Instances"][0]["InstanceId"]
        self._account.later(self.terminate, id=id)
        self._account.until(lambda: self._state(id) == "running", f"{id} does not run", _TIMEOUT_SECONDS)
        return id

    def terminate(self, id: str) -> None:
        """Terminates an instance, and waits until it is terminated."""
        self._ec2.terminate_instances(InstanceIds=[id])
        self._account.until(lambda: self._state(id) == "terminated", f"{id} is not terminated", _TIMEOUT_SECONDS)

    def move_address(self, id: str) -> None:
        self._ec2.associate_address(AllocationId=self._allocation, InstanceId=id, AllowReassociation=True)

    def public_address(self, id: str) -> str:
        """Returns the public address of an instance, or an empty string if it has none."""
        return self._described(id).get("PublicIpAddress", "")

    def association(self) -> str:
        """Returns the ID of the association between the Elastic IP address and an instance, or an empty string if there
        is no association.
        """
        described = self._ec2.describe_addresses(AllocationIds=[self._allocation])["Addresses"][0]
        return described.get("AssociationId", "")

    def _state(self, id: str) -> str:
        return self._described(id).get("State", {}).get("Name", "")

    def _described(self, id: str) -> Mapping[str, Any]:
        """Returns the description of an instance. Returns an empty description while EC2 does not list a new instance
        yet.
        """
        found = self._ec2.describe_instances(Filters=[{"Name": "instance-id", "Values": [id]}])["Reservations"]
        return found[0]["Instances"][0] if found else {}

    def _public_subnet(self) -> str:
        ec2, later = self._ec2, self._account.later
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/24")["Vpc"]["VpcId"]
        later(ec2.delete_vpc, VpcId=vpc)
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        later(ec2.delete_internet_gateway, InternetGatewayId=gateway)
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        later(ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc)
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZoneId=_ZONE)["Subnet"]["SubnetId"]
        later(ec2.delete_subnet, SubnetId=subnet)
        return subnet

    def _release(self) -> None:
        association = self.association()
        if association:
            self._ec2.disassociate_address(AssociationId=association)
        self._ec2.release_address(AllocationId=self._allocation)


def _addresses(account: AwsAccount) -> Iterator[Fact]:
    instances = _Instances(account)
    old, new = instances.start(), instances.start()
    instances.move_address(old)
    instances.move_address(new)
    moved = becomes_true(lambda: instances.public_address(new) == instances.address, _TIMEOUT_SECONDS)
    yield Fact("An address moves to another instance", moved, instances.public_address(new))
    left = becomes_true(lambda: instances.public_address(old) not in ("", instances.address), _TIMEOUT_SECONDS)
    text = "The instance that had the address gets another public address"
    yield Fact(text, left, instances.public_address(old) or "no address")
    instances.terminate(new)
    free = becomes_true(lambda: not instances.association(), _TIMEOUT_SECONDS)
    yield Fact("A terminated instance has no address", free, instances.association() or "no association")


PROBES = (Probe("ec2-elastic-addresses", 'EC2 API Reference, "AssociateAddress"', _addresses),)
