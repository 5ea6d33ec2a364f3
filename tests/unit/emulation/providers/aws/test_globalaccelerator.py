"""Tests the handlers of Global Accelerator. The tests check what each handler creates, changes and deletes, and which
differences it reports as drift.
"""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws
import pytest

from emulation.providers.aws.clients import client
from emulation.providers.handler import CloudError, Created, Properties
from tests.support.aws_handlers import handler

pytestmark = pytest.mark.usefixtures("aws_cloud")


def create(resource: Any, **inputs: Any) -> Created:
    created = handler(resource).create(inputs)
    seen = handler(resource).read(created.id, created.outputs)
    assert seen is not None
    assert {name: seen.get(name) for name in inputs} == inputs
    return created


def instance() -> str:
    ec2 = client("ec2", {"region": "eu-west-1"})
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    image = ec2.register_image(Name="debian")["ImageId"]
    started = ec2.run_instances(ImageId=image, InstanceType="i4i.large", MinCount=1, MaxCount=1)
    return started["Instances"][0]["InstanceId"]


def whole() -> tuple[Created, Created, Created]:
    accelerator = create(
        aws.globalaccelerator.Accelerator, name="edge", enabled=True, ipAddressType="IPV4", tags={"owner": "edge"}
    )
    listener = create(
        aws.globalaccelerator.Listener,
        acceleratorArn=accelerator.id,
        protocol="TCP",
        clientAffinity="NONE",
        portRanges=[{"fromPort": 443, "toPort": 443}],
    )
    group = create(
        aws.globalaccelerator.EndpointGroup,
        listenerArn=listener.id,
        endpointGroupRegion="eu-west-1",
        healthCheckProtocol="HTTPS",
        healthCheckPath="/healthz",
        healthCheckPort=443,
        healthCheckIntervalSeconds=10,
        thresholdCount=3,
        trafficDialPercentage=50,
        endpointConfigurations=[
            {"endpointId": instance(), "weight": 128, "clientIpPreservationEnabled": True},
        ],
    )
    return accelerator, listener, group


def test_an_accelerator_with_listener_and_group_is_created_changed_and_deleted() -> None:
    accelerator, listener, group = whole()
    assert accelerator.outputs["hostedZoneId"] == "Z2BJ6XQ5FK7U4H"
    assert len(accelerator.outputs["ipSets"][0]["ipAddresses"]) == 2
    changes: list[tuple[Any, Created, Properties]] = [
        (aws.globalaccelerator.Accelerator, accelerator, {"name": "other", "tags": {"team": "edge"}}),
        (aws.globalaccelerator.Listener, listener, {"clientAffinity": "SOURCE_IP"}),
        (aws.globalaccelerator.EndpointGroup, group, {"trafficDialPercentage": 0, "endpointConfigurations": []}),
    ]
    for resource, created, changed in changes:
        outputs = handler(resource).update(created.id, created.outputs, {**created.outputs, **changed})
        assert {name: outputs[name] for name in changed} == changed
        assert handler(resource).read(created.id, outputs) == outputs
    for resource, created, _ in reversed(changes):
        handler(resource).delete(created.id, created.outputs)
        assert handler(resource).read(created.id, created.outputs) is None


def test_a_dial_and_an_endpoint_changed_outside_pulumi_are_drift() -> None:
    _, _, group = whole()
    api = client("globalaccelerator", {"region": "us-west-2"})
    api.update_endpoint_group(EndpointGroupArn=group.id, TrafficDialPercentage=0, EndpointConfigurations=[])
    seen = handler(aws.globalaccelerator.EndpointGroup).read(group.id, group.outputs)
    assert seen is not None
    assert (seen["trafficDialPercentage"], seen["endpointConfigurations"]) == (0, [])


@pytest.mark.parametrize(
    ("resource", "inputs"),
    [
        (aws.globalaccelerator.Accelerator, {"name": "edge", "attributes": {"flowLogsEnabled": True}}),
        (aws.globalaccelerator.EndpointGroup, {"listenerArn": "arn"}),
        (
            aws.globalaccelerator.EndpointGroup,
            {
                "listenerArn": "arn",
                "endpointGroupRegion": "eu-west-1",
                "portOverrides": [{"listenerPort": 443, "endpointPort": 8443}],
            },
        ),
    ],
)
def test_inputs_that_are_not_emulated_are_refused(resource: Any, inputs: Properties) -> None:
    with pytest.raises(CloudError, match="not emulated"):
        handler(resource).create(inputs)
