"""Tests the handlers for the network of a shield. The tests check which EC2 resources each handler creates. Deletion
must remove all of these resources.
"""

from __future__ import annotations

import base64

import pulumi_aws as aws
import pytest

from emulation.providers.aws import functions
from emulation.providers.aws.clients import client
from emulation.providers.handler import CloudError
from tests.support.aws_handlers import REGION, create, gone, handler

pytestmark = pytest.mark.usefixtures("aws_cloud")


def test_a_network_is_created_and_deleted() -> None:
    vpc = create(aws.ec2.Vpc, cidrBlock="10.0.0.0/16", enableDnsSupport=True, enableDnsHostnames=True)
    gateway = create(aws.ec2.InternetGateway, vpcId=vpc.id, tags={"owner": "platform"})
    table = create(aws.ec2.RouteTable, vpcId=vpc.id)
    route = create(aws.ec2.Route, routeTableId=table.id, destinationCidrBlock="0.0.0.0/0", gatewayId=gateway.id)
    subnet = create(aws.ec2.Subnet, vpcId=vpc.id, cidrBlock="10.0.1.0/24", availabilityZone=f"{REGION}a")
    association = create(aws.ec2.RouteTableAssociation, routeTableId=table.id, subnetId=subnet.id)
    endpoint = create(
        aws.ec2.VpcEndpoint,
        vpcId=vpc.id,
        serviceName=f"com.amazonaws.{REGION}.s3",
        vpcEndpointType="Gateway",
        routeTableIds=[table.id],
    )
    for resource, created in (
        (aws.ec2.VpcEndpoint, endpoint),
        (aws.ec2.RouteTableAssociation, association),
        (aws.ec2.Subnet, subnet),
        (aws.ec2.Route, route),
        (aws.ec2.RouteTable, table),
        (aws.ec2.InternetGateway, gateway),
        (aws.ec2.Vpc, vpc),
    ):
        assert gone(resource, created), resource


def test_a_security_group_allows_only_its_rules() -> None:
    vpc = create(aws.ec2.Vpc, cidrBlock="10.0.0.0/16")
    group = create(aws.ec2.SecurityGroup, name="shield", description="Shield nodes", vpcId=vpc.id)
    ec2 = client("ec2", {"region": REGION})
    empty = ec2.describe_security_groups(GroupIds=[group.id])["SecurityGroups"][0]
    assert (empty["IpPermissions"], empty["IpPermissionsEgress"]) == ([], [])

    rule = {"protocol": "tcp", "fromPort": 8443, "toPort": 8443, "cidrBlocks": ["198.51.100.0/24"]}
    handler(aws.ec2.SecurityGroup).update(group.id, group.outputs, {**group.outputs, "ingress": [rule]})
    open_now = ec2.describe_security_groups(GroupIds=[group.id])["SecurityGroups"][0]["IpPermissions"]
    assert [(p["FromPort"], [r["CidrIp"] for r in p["IpRanges"]]) for p in open_now] == [(8443, ["198.51.100.0/24"])]


def test_an_inline_rule_widened_outside_pulumi_is_drift() -> None:
    vpc = create(aws.ec2.Vpc, cidrBlock="10.0.0.0/16")
    rule = {"protocol": "tcp", "fromPort": 8443, "toPort": 8443, "cidrBlocks": ["192.0.2.0/24"], "description": "edge"}
    group = create(aws.ec2.SecurityGroup, name="shield", description="Shield nodes", vpcId=vpc.id, ingress=[rule])
    client("ec2", {"region": REGION}).authorize_security_group_ingress(
        GroupId=group.id, IpProtocol="tcp", FromPort=8443, ToPort=8443, CidrIp="0.0.0.0/0"
    )
    seen = handler(aws.ec2.SecurityGroup).read(group.id, group.outputs)
    assert seen is not None
    assert "0.0.0.0/0" in [cidr for opened in seen["ingress"] for cidr in opened["cidrBlocks"]]


def test_a_machine_is_what_its_inputs_say() -> None:
    vpc = create(aws.ec2.Vpc, cidrBlock="10.0.0.0/16")
    subnet = create(aws.ec2.Subnet, vpcId=vpc.id, cidrBlock="10.0.1.0/24")
    ami = next(function for function in functions() if "getAmi" in function.token).invoke(
        {"region": REGION, "filters": [{"name": "name", "values": ["debian-12-amd64-*"]}]}
    )
    machine = create(
        aws.ec2.Instance,
        ami=ami["id"],
        instanceType="i4i.large",
        subnetId=subnet.id,
        userData="#cloud-config\n",
        metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 1},
        rootBlockDevice={"encrypted": True},
    )
    address = create(aws.ec2.Eip, domain="vpc", instance=machine.id)
    ec2 = client("ec2", {"region": REGION})
    seen = ec2.describe_instances(InstanceIds=[machine.id])["Reservations"][0]["Instances"][0]
    assert seen["MetadataOptions"]["HttpTokens"] == "required"
    assert seen["PublicIpAddress"] == address.outputs["publicIp"]
    data = ec2.describe_instance_attribute(InstanceId=machine.id, Attribute="userData")["UserData"]["Value"]
    assert base64.b64decode(data) == b"#cloud-config\n"
    larger = {**machine.outputs, "instanceType": "i4i.xlarge"}
    with pytest.raises(CloudError, match="stops no machine to change instanceType"):
        handler(aws.ec2.Instance).update(machine.id, machine.outputs, larger)
    assert "instanceType" not in handler(aws.ec2.Instance).replace_on
    assert gone(aws.ec2.Eip, address)
    assert gone(aws.ec2.Instance, machine)


def test_an_address_stays_when_its_machine_is_replaced() -> None:
    vpc = create(aws.ec2.Vpc, cidrBlock="10.0.0.0/16")
    subnet = create(aws.ec2.Subnet, vpcId=vpc.id, cidrBlock="10.0.1.0/24")
    one, other = (create(aws.ec2.Instance, ami="ami-1", instanceType="i4i.large", subnetId=subnet.id) for _ in "ab")
    address = create(aws.ec2.Eip, domain="vpc", instance=one.id)
    moved = handler(aws.ec2.Eip).update(address.id, address.outputs, {**address.outputs, "instance": other.id})
    assert (moved["instance"], moved["publicIp"]) == (other.id, address.outputs["publicIp"])
    seen = client("ec2", {"region": REGION}).describe_instances(InstanceIds=[other.id])["Reservations"][0]["Instances"][
        0
    ]
    assert seen["PublicIpAddress"] == address.outputs["publicIp"]


def test_tags_are_changed_and_removed() -> None:
    vpc = create(aws.ec2.Vpc, cidrBlock="10.0.0.0/16", tags={"owner": "platform", "old": "yes"})
    handler(aws.ec2.Vpc).update(vpc.id, vpc.outputs, {**vpc.outputs, "tags": {"owner": "edge"}})
    tags = client("ec2", {"region": REGION}).describe_vpcs(VpcIds=[vpc.id])["Vpcs"][0]["Tags"]
    assert tags == [{"Key": "owner", "Value": "edge"}]


def test_a_resource_deleted_outside_pulumi_reads_as_gone_and_deletes_again() -> None:
    vpc = create(aws.ec2.Vpc, cidrBlock="10.0.0.0/16")
    client("ec2", {"region": REGION}).delete_vpc(VpcId=vpc.id)
    assert handler(aws.ec2.Vpc).read(vpc.id, vpc.outputs) is None
    handler(aws.ec2.Vpc).delete(vpc.id, vpc.outputs)


def test_a_machine_has_a_public_address_from_its_launch_if_it_asks_for_one() -> None:
    vpc = create(aws.ec2.Vpc, cidrBlock="10.0.0.0/16")
    subnet = create(aws.ec2.Subnet, vpcId=vpc.id, cidrBlock="10.0.1.0/24")
    inputs = {"ami": "ami-1", "instanceType": "i4i.large", "subnetId": subnet.id}
    assert create(aws.ec2.Instance, **inputs, associatePublicIpAddress=True).outputs["publicIp"]
    assert not create(aws.ec2.Instance, **inputs, associatePublicIpAddress=False).outputs["publicIp"]
