"""Tests that `pulumi up` waits until a new machine serves clients. Only then may it move an address or replace the next
machine.

The tests use a fake clock, which advances with each pause of the program. At a time that the test sets, a machine
reports to the emulated Parameter Store that it serves clients.
"""

from __future__ import annotations

from types import SimpleNamespace

import pulumi
import pytest

from emulation.providers.aws import functions, handlers
from emulation.providers.aws.clients import client
from infra.machines import serving
from infra.machines.serving import ServingReports
from tests.support.harness import deploy
from tests.support.polling_clock import PollingClock
from tests.support.serving_report import report

pytestmark = pytest.mark.usefixtures("aws_cloud")

REGION = "eu-west-1"
REPORTS = ServingReports("/artifact-edge/test/serving", "us-east-1")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> PollingClock:
    return PollingClock(monkeypatch)


def start_machine() -> str:
    ec2 = client("ec2", {"region": REGION})
    return ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]


def address_of(instance_id: str | None) -> str:
    """Allocates an address and returns its allocation ID. If `instance_id` is given, associates the address with this
    instance.
    """
    ec2 = client("ec2", {"region": REGION})
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    if instance_id:
        ec2.associate_address(AllocationId=allocation, InstanceId=instance_id)
    return allocation


def moved(new: str, allocation: str) -> str:
    """Runs `pulumi up` of a program that calls `before_its_address_moves`. The call waits until the address with the
    allocation ID `allocation` may move to the instance `new`, and its result is an instance ID. Returns this result.
    """

    def program() -> None:
        instance = SimpleNamespace(id=pulumi.Output.from_input(new))
        address = pulumi.Output.from_input(allocation)
        pulumi.ComponentResource("test:index:Machine", "machine")
        found = serving.before_its_address_moves(REPORTS, "node", instance, address, REGION)  # pyright: ignore[reportArgumentType]
        pulumi.export("instance", found)

    return deploy(program, handlers(), functions(), config={"aws:region": REGION}).outputs["instance"]


def test_an_address_moves_only_when_the_new_machine_serves(clock: PollingClock) -> None:
    old, new = start_machine(), start_machine()
    report(REPORTS, "node", old)
    clock.at[180] = lambda: report(REPORTS, "node", new)
    assert moved(new, address_of(old)) == new
    assert clock.now >= 180


def test_an_address_moves_to_a_machine_that_only_lacks_the_address(clock: PollingClock) -> None:
    old, new = start_machine(), start_machine()
    report(REPORTS, "node", serving.waits_for_its_address(old))
    clock.at[120] = lambda: report(REPORTS, "node", serving.waits_for_its_address(new))
    assert moved(new, address_of(old)) == new
    assert 120 <= clock.now < 180


def test_an_update_whose_machine_never_serves_fails_and_leaves_the_address(clock: PollingClock) -> None:
    old, new = start_machine(), start_machine()
    allocation = address_of(old)
    with pytest.raises(Exception, match=f"the new machine {new} does not report that it serves; {old} keeps the"):
        moved(new, allocation)
    addresses = client("ec2", {"region": REGION}).describe_addresses(AllocationIds=[allocation])["Addresses"]
    assert addresses[0]["InstanceId"] == old


@pytest.mark.parametrize("holds", ["nobody", "itself"])
def test_an_address_that_no_other_machine_has_moves_at_once(clock: PollingClock, holds: str) -> None:
    new = start_machine()
    assert moved(new, address_of(new if holds == "itself" else None)) == new
    assert clock.now == 0


def next_is_replaced(first: str) -> None:
    """Runs a Pulumi program with two machines. The program waits until the machine `one` serves clients. Only then may
    it replace the machine `two`. `first` is the instance ID of `one`.
    """

    def program() -> None:
        pulumi.ComponentResource("test:index:Machine", "machine")
        after = serving.before_the_next_is_replaced(REPORTS, "one", pulumi.Output.from_input(first), "two")
        pulumi.export("replaced", after)

    assert deploy(program, handlers(), functions(), config={"aws:region": REGION}).outputs["replaced"] is True


def test_the_next_machine_of_a_region_is_replaced_when_the_first_serves_again(clock: PollingClock) -> None:
    report(REPORTS, "one", "1111")
    report(REPORTS, "two", "2222")
    clock.at[200] = lambda: report(REPORTS, "one", "3333")
    next_is_replaced("3333")
    assert clock.now >= 200


def test_the_next_machine_is_not_replaced_while_the_first_waits_for_its_address(clock: PollingClock) -> None:
    report(REPORTS, "one", serving.waits_for_its_address("3333"))
    report(REPORTS, "two", "2222")
    clock.at[90] = lambda: report(REPORTS, "one", "3333")
    next_is_replaced("3333")
    assert clock.now >= 90


def test_the_machines_of_a_new_region_are_created_at_once(clock: PollingClock) -> None:
    next_is_replaced("1111")
    assert clock.now == 0
