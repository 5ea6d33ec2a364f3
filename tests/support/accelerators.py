"""Creates accelerators of the emulated Global Accelerator, and EC2 instances for their endpoint groups. The test must
provide the emulated AWS account.
"""

from __future__ import annotations

from typing import Any

from emulation.providers.aws.clients import client

HTTPS = [{"FromPort": 443, "ToPort": 443}]
OREGON = {"region": "us-west-2"}
IRELAND = {"region": "eu-west-1"}


def api() -> Any:
    return client("globalaccelerator", OREGON)


def accelerator(key: str = "accelerator") -> str:
    created = api().create_accelerator(Name="edge", IdempotencyToken=key, Tags=[{"Key": "owner", "Value": "edge"}])
    return created["Accelerator"]["AcceleratorArn"]


def listener(of: str, key: str = "listener", **more: Any) -> str:
    given = {"PortRanges": HTTPS, "Protocol": "TCP", **more}
    return api().create_listener(AcceleratorArn=of, IdempotencyToken=key, **given)["Listener"]["ListenerArn"]


def group(of: str, key: str = "group", **more: Any) -> dict[str, Any]:
    given = {"EndpointGroupRegion": "eu-west-1", **more}
    return api().create_endpoint_group(ListenerArn=of, IdempotencyToken=key, **given)["EndpointGroup"]


def instance(kind: str = "i4i.large", gateway: bool = True) -> str:
    """Starts an EC2 instance in Ireland and returns its id. The instance is in a new VPC, with or without an internet
    gateway.
    """
    ec2 = client("ec2", IRELAND)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    if gateway:
        made = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=vpc)
    image = ec2.register_image(Name="debian")["ImageId"]
    started = ec2.run_instances(ImageId=image, InstanceType=kind, SubnetId=subnet, MinCount=1, MaxCount=1)
    return started["Instances"][0]["InstanceId"]
