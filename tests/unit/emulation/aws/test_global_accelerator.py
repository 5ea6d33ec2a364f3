"""Tests the API of the emulated Global Accelerator. It must accept, keep and refuse the same settings as the real
service, according to AWS's documentation.
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.providers.aws.clients import client
from tests.support.accelerators import HTTPS, IRELAND, accelerator, api, group, instance, listener

pytestmark = pytest.mark.usefixtures("aws_cloud")


def refused(call: Any, **parameters: Any) -> str:
    """Makes a request that the Global Accelerator API must refuse. Returns the error code and the message."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    response: Any = error.value.response
    details = response["Error"]
    return f"{details['Code'].removesuffix('Exception')}: {details['Message']}"


def test_an_accelerator_has_two_static_addresses_a_name_and_tags() -> None:
    arn, other = accelerator(), accelerator("other")
    found = api().describe_accelerator(AcceleratorArn=arn)["Accelerator"]
    (addresses,) = found["IpSets"]
    assert (addresses["IpFamily"], len(set(addresses["IpAddresses"]))) == ("IPv4", 2)
    assert found["DnsName"].endswith(".awsglobalaccelerator.com")
    assert api().list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "owner", "Value": "edge"}]
    listed = api().get_paginator("list_accelerators").paginate(PaginationConfig={"PageSize": 1})
    assert [each["AcceleratorArn"] for page in listed for each in page["Accelerators"]] == [arn, other]


def test_a_repeated_token_creates_nothing() -> None:
    arn = accelerator()
    assert accelerator() == arn
    assert listener(arn) == listener(arn)
    assert len(api().list_accelerators()["Accelerators"]) == 1


def test_the_api_is_served_in_oregon_only() -> None:
    ireland = client("globalaccelerator", IRELAND)
    assert refused(ireland.list_accelerators).endswith("served in us-west-2 only")


def test_resources_are_deleted_from_the_bottom_up_and_accelerators_only_when_disabled() -> None:
    arn = accelerator()
    of = listener(arn)
    made = group(of)["EndpointGroupArn"]
    assert refused(api().delete_accelerator, AcceleratorArn=arn).startswith("AcceleratorNotDisabled: ")
    api().update_accelerator(AcceleratorArn=arn, Enabled=False)
    assert refused(api().delete_accelerator, AcceleratorArn=arn).startswith("AssociatedListenerFound: ")
    assert refused(api().delete_listener, ListenerArn=of).startswith("AssociatedEndpointGroupFound: ")
    api().delete_endpoint_group(EndpointGroupArn=made)
    api().delete_listener(ListenerArn=of)
    api().delete_accelerator(AcceleratorArn=arn)
    assert refused(api().describe_accelerator, AcceleratorArn=arn).startswith("AcceleratorNotFound: ")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"PortRanges": [{"FromPort": 443, "ToPort": 80}]}, "InvalidPortRange"),
        ({"PortRanges": [*HTTPS, {"FromPort": 400, "ToPort": 500}]}, "InvalidPortRange"),
        ({"PortRanges": HTTPS * 11}, "InvalidArgument"),
        ({"PortRanges": [{"FromPort": 1, "ToPort": 65536}]}, "InvalidArgument"),
        ({"Protocol": "QUIC"}, "InvalidArgument"),
        ({"ClientAffinity": "COOKIE"}, "InvalidArgument"),
    ],
)
def test_a_wrong_listener_is_refused(given: dict[str, Any], code: str) -> None:
    parameters = {"AcceleratorArn": accelerator(), "IdempotencyToken": "t", "Protocol": "TCP", "PortRanges": HTTPS}
    assert refused(api().create_listener, **{**parameters, **given}).startswith(f"{code}: ")


def test_two_listeners_share_a_port_only_with_different_protocols() -> None:
    arn = accelerator()
    listener(arn)
    again = {"AcceleratorArn": arn, "IdempotencyToken": "t", "PortRanges": HTTPS}
    assert refused(api().create_listener, **again, Protocol="TCP").startswith("InvalidPortRange: ")
    api().create_listener(**again, Protocol="UDP")


def test_an_endpoint_group_has_the_documented_defaults() -> None:
    made = group(listener(accelerator()))
    assert made.pop("EndpointGroupArn")
    assert made == {
        "EndpointGroupRegion": "eu-west-1",
        "EndpointDescriptions": [],
        "TrafficDialPercentage": 100.0,
        "HealthCheckPort": 443,
        "HealthCheckProtocol": "TCP",
        "HealthCheckIntervalSeconds": 30,
        "ThresholdCount": 3,
        "PortOverrides": [],
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"EndpointGroupRegion": "mars-north-1"}, "'mars-north-1' is not a region"),
        ({"TrafficDialPercentage": 101}, "not from 0 to 100"),
        ({"HealthCheckIntervalSeconds": 20}, "must be 10 or 30"),
        ({"ThresholdCount": 11}, "not from 1 to 10"),
        ({"HealthCheckProtocol": "HTTPS", "HealthCheckPath": "healthz"}, "does not match"),
        ({"HealthCheckPath": "/healthz"}, "needs the HealthCheckProtocol HTTP or HTTPS"),
        ({"HealthCheckProtocol": "UDP"}, "not one of TCP, HTTP, HTTPS"),
        ({"PortOverrides": [{"ListenerPort": 443, "EndpointPort": 8443}]}, "not emulated: port overrides"),
        ({"EndpointConfigurations": [{"EndpointId": "i-0123456789abcdef0"}]}, "no active instance in eu-west-1"),
        ({"EndpointConfigurations": [{"EndpointId": "eipalloc-1"}]}, "eipalloc-1 does not exist"),
        ({"EndpointConfigurations": [{"EndpointId": "arn:aws:elasticloadbalancing:…"}]}, "not emulated: the endpoint"),
        ({"EndpointConfigurations": [{"EndpointId": "i-1", "Weight": 256}]}, "not from 0 to 255"),
        ({"EndpointConfigurations": [{"EndpointId": "i-1"}] * 11}, "length of EndpointConfigurations is 11"),
    ],
)
def test_a_wrong_endpoint_group_is_refused(given: dict[str, Any], message: str) -> None:
    parameters = {"ListenerArn": listener(accelerator()), "EndpointGroupRegion": "eu-west-1", "IdempotencyToken": "t"}
    assert message in refused(api().create_endpoint_group, **{**parameters, **given})


def test_a_region_has_one_endpoint_group() -> None:
    of = listener(accelerator())
    group(of)
    again = {"ListenerArn": of, "EndpointGroupRegion": "eu-west-1", "IdempotencyToken": "t"}
    assert refused(api().create_endpoint_group, **again).startswith("EndpointGroupAlreadyExists: ")


def test_an_instance_always_gets_the_addresses_of_clients_and_an_elastic_address_never() -> None:
    machine = instance()
    address = client("ec2", IRELAND).allocate_address(Domain="vpc")["AllocationId"]
    made = group(listener(accelerator()), EndpointConfigurations=[{"EndpointId": machine}, {"EndpointId": address}])
    assert made["EndpointDescriptions"] == [
        {"EndpointId": machine, "Weight": 128, "HealthState": "INITIAL", "ClientIPPreservationEnabled": True},
        {"EndpointId": address, "Weight": 128, "HealthState": "INITIAL", "ClientIPPreservationEnabled": False},
    ]
    for endpoint, preserved in ((machine, False), (address, True)):
        wrong = [{"EndpointId": endpoint, "ClientIPPreservationEnabled": preserved}]
        change = {"EndpointGroupArn": made["EndpointGroupArn"], "EndpointConfigurations": wrong}
        assert refused(api().update_endpoint_group, **change).startswith("InvalidArgument: ")


@pytest.mark.parametrize(("kind", "gateway"), [("m3.large", True), ("i4i.large", False)])
def test_an_old_instance_and_one_without_internet_gateway_are_no_endpoints(kind: str, gateway: bool) -> None:
    endpoints = [{"EndpointId": instance(kind, gateway)}]
    parameters = {"ListenerArn": listener(accelerator()), "EndpointGroupRegion": "eu-west-1", "IdempotencyToken": "t"}
    found = refused(api().create_endpoint_group, **parameters, EndpointConfigurations=endpoints)
    assert ("no internet gateway" in found, "cannot be an endpoint" in found) == (not gateway, gateway)


def test_a_terminated_instance_cannot_be_added() -> None:
    machine = instance()
    client("ec2", IRELAND).terminate_instances(InstanceIds=[machine])
    made = group(listener(accelerator()))["EndpointGroupArn"]
    endpoints = [{"EndpointId": machine}]
    found = refused(api().update_endpoint_group, EndpointGroupArn=made, EndpointConfigurations=endpoints)
    assert "no active instance" in found


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("create_accelerator", {"Name": "six", "IdempotencyToken": "t", "IpAddressType": "DUAL_STACK"}),
        ("create_accelerator", {"Name": "own", "IdempotencyToken": "t", "IpAddresses": ["192.0.2.1"]}),
        ("create_custom_routing_accelerator", {"Name": "routing", "IdempotencyToken": "t"}),
        ("list_byoip_cidrs", {}),
    ],
)
def test_what_is_not_emulated_is_refused_by_name(operation: str, given: dict[str, Any]) -> None:
    assert "not emulated: " in refused(getattr(api(), operation), **given)


def test_flow_logs_are_not_emulated() -> None:
    arn = accelerator()
    logs = {"FlowLogsEnabled": True, "FlowLogsS3Bucket": "logs"}
    assert "not emulated: flow logs" in refused(api().update_accelerator_attributes, AcceleratorArn=arn, **logs)
    assert api().describe_accelerator_attributes(AcceleratorArn=arn)["AcceleratorAttributes"] == {
        "FlowLogsEnabled": False
    }


def test_an_account_has_at_most_twenty_accelerators() -> None:
    for number in range(20):
        accelerator(f"token-{number}")
    assert refused(api().create_accelerator, Name="one more", IdempotencyToken="t").startswith("LimitExceeded: ")
