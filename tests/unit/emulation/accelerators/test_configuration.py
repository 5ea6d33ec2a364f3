"""Tests the accelerators and listeners that are created through the API of the emulated Global Accelerator. Each must
forward connections to the right endpoints.
"""

from __future__ import annotations

from typing import Any

import pytest

from emulation.accelerators.configuration import Accelerators
from emulation.dns.health import Check
from emulation.providers.aws.clients import client
from tests.support.accelerators import IRELAND, accelerator, api, group, instance, listener

pytestmark = pytest.mark.usefixtures("aws_cloud")


def elastic_address(**instance: str) -> tuple[str, str]:
    """Allocates an Elastic IP address. If `instance` is given, associates the address with this instance. Returns the
    allocation's id and the address.
    """
    ec2 = client("ec2", IRELAND)
    made: dict[str, Any] = ec2.allocate_address(Domain="vpc")
    if instance:
        ec2.associate_address(AllocationId=made["AllocationId"], **instance)
    return made["AllocationId"], made["PublicIp"]


def test_a_listener_has_the_static_addresses_and_its_endpoints_the_settings_of_their_group() -> None:
    arn, machine = accelerator(), instance()
    _, address = elastic_address(InstanceId=machine)
    allocation, other_address = elastic_address()
    made = group(
        of := listener(arn),
        TrafficDialPercentage=40,
        HealthCheckProtocol="HTTPS",
        HealthCheckPath="/healthz",
        HealthCheckIntervalSeconds=10,
        ThresholdCount=2,
        EndpointConfigurations=[{"EndpointId": machine, "Weight": 7}, {"EndpointId": allocation}],
    )
    (found,) = Accelerators().read().listeners
    static = api().describe_accelerator(AcceleratorArn=arn)["Accelerator"]["IpSets"][0]["IpAddresses"]
    assert (found.arn, list(found.addresses), found.ports, found.by_client) == (of, static, (443,), False)
    (region,) = found.groups
    first, second = region.endpoints
    assert (region.region, region.dial) == ("eu-west-1", 40)
    assert (first.address, first.weight, first.preserves_address) == (address, 7, True)
    assert (second.address, second.weight, second.preserves_address) == (other_address, 128, False)
    assert first.check == Check(
        id=f"{made['EndpointGroupArn']} {machine}",
        type="HTTPS",
        address=address,
        port=443,
        path="/healthz",
        interval=10,
        failures=2,
        starts_healthy=False,
    )


def test_an_instance_that_does_not_run_has_no_address() -> None:
    machine = instance()
    elastic_address(InstanceId=machine)
    group(listener(accelerator()), EndpointConfigurations=[{"EndpointId": machine}])
    client("ec2", IRELAND).stop_instances(InstanceIds=[machine])
    (found,) = Accelerators().read().listeners
    assert [each.address for each in found.groups[0].endpoints] == [""]


def test_a_disabled_accelerator_has_no_listener() -> None:
    listener(arn := accelerator())
    api().update_accelerator(AcceleratorArn=arn, Enabled=False)
    assert Accelerators().read().listeners == ()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"Protocol": "UDP"}, "not emulated: listeners for UDP"),
        ({"PortRanges": [{"FromPort": 80, "ToPort": 443}]}, "not emulated: ranges of more than one port"),
    ],
)
def test_an_unsupported_listener_is_refused_by_name(settings: dict[str, Any], reason: str) -> None:
    arn = listener(accelerator(), **settings)
    found = Accelerators().read()
    assert (found.listeners, found.refused) == ((), (f"{arn}: {reason}",))
