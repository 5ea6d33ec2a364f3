"""Tests which requests reboot an instance of the emulated EC2."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulation.aws.reboots import PATH, Reboots
from emulation.providers.aws.clients import client

pytestmark = pytest.mark.usefixtures("aws_cloud")


def ec2() -> Any:
    return client("ec2", {"region": "eu-west-1"})


def instance() -> str:
    return ec2().run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]


def state(id: str) -> str:
    return ec2().describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]["State"]["Name"]


def reboots() -> dict[str, int]:
    """Returns how often each instance was rebooted, as the emulated hypervisor reads it from the emulated AWS."""

    def nothing(environ: Any, start_response: Any) -> list[bytes]:
        return []

    application = Reboots(nothing)
    return json.loads(b"".join(application({"PATH_INFO": PATH}, lambda *_: None)))


def test_each_reboot_of_a_running_instance_is_counted() -> None:
    rebooted, other = instance(), instance()
    ec2().reboot_instances(InstanceIds=[rebooted])
    ec2().reboot_instances(InstanceIds=[rebooted])
    assert reboots().get(rebooted) == 2
    assert other not in reboots()
    assert state(rebooted) == "running"


def test_a_terminated_instance_ignores_a_reboot() -> None:
    id = instance()
    ec2().terminate_instances(InstanceIds=[id])
    ec2().reboot_instances(InstanceIds=[id])
    assert state(id) == "terminated"
    assert id not in reboots()
