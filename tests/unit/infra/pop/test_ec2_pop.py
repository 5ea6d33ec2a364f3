"""Tests the order in which the program replaces the PoP machines of a region on EC2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pytest

from emulation.providers.aws import functions, handlers
from emulation.providers.aws.clients import client
from infra import iam
from infra.machines.serving import ServingReports, waits_for_its_address
from infra.pop import PopArgs, PopNode
from infra.pop.ec2 import Ec2Pop
from tests.support.harness import deploy
from tests.support.polling_clock import PollingClock
from tests.support.serving_report import report

pytestmark = pytest.mark.usefixtures("aws_cloud")

REGION = "eu-west-1"
REPORTS = ServingReports("/artifact-edge/test/serving", "us-east-1")
NODES = [f"pop-{REGION}-{number}" for number in range(2)]


@dataclass
class ExistingNetwork:
    network_id: pulumi.Output[str]
    subnet_ids: Sequence[pulumi.Output[str]]
    s3_endpoint: pulumi.Output[str] | None


def instances() -> dict[str, str]:
    """Maps the names of the new machines to their instance IDs."""
    found = client("ec2", {"region": REGION}).describe_instances()["Reservations"]
    machines = [machine for each in found for machine in each["Instances"] if machine.get("Tags")]
    return {machine["Tags"][0]["Value"].removeprefix("test-"): machine["InstanceId"] for machine in machines}


def holder(allocation: str) -> str:
    (found,) = client("ec2", {"region": REGION}).describe_addresses(AllocationIds=[allocation])["Addresses"]
    return found.get("InstanceId", "")


def test_a_new_machine_gets_its_address_before_it_serves_and_the_next_one_waits_until_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ec2, clock = client("ec2", {"region": REGION}), PollingClock(monkeypatch)
    allocations: list[str] = []
    for node in NODES:
        old = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        allocations.append(ec2.allocate_address(Domain="vpc")["AllocationId"])
        ec2.associate_address(AllocationId=allocations[-1], InstanceId=old)
        report(REPORTS, node, old)
    (network,) = ec2.describe_vpcs()["Vpcs"]
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]]
    seen: list[tuple[str, bool]] = []

    def prepared(node: str) -> None:
        report(REPORTS, node, waits_for_its_address(instances()[node]))

    def serves(number: int) -> None:
        new, after = instances(), NODES[number + 1 :]
        seen.append((holder(allocations[number]), any(each in new for each in after)))
        report(REPORTS, NODES[number], new[NODES[number]])

    clock.at = {
        120: lambda: prepared(NODES[0]),
        180: lambda: serves(0),
        300: lambda: prepared(NODES[1]),
        360: lambda: serves(1),
    }

    def program() -> None:
        role = aws.iam.Role(
            "pop", name="pop", assume_role_policy=iam.document(iam.assumed_by_service("ec2.amazonaws.com"))
        )
        address = pulumi.Output.from_input("198.51.100.1")
        args = PopArgs(
            prefix="test",
            region=REGION,
            machine_type="i4i.large",
            nodes=[
                PopNode(node, REGION, "aws", address, pulumi.Output.from_input(allocation))
                for node, allocation in zip(NODES, allocations, strict=True)
            ],
            network=ExistingNetwork(
                pulumi.Output.from_input(network["VpcId"]), [pulumi.Output.from_input(each) for each in subnets], None
            ),
            identity=aws.iam.InstanceProfile("pop", name="pop", role=role.name).name,
            user_data=dict.fromkeys(NODES, ""),
            serving=REPORTS,
            shield_addresses=["198.51.100.99"],
            boots_after=[],
        )
        Ec2Pop("pop", args)

    deploy(program, handlers(), functions(), config={"aws:region": REGION})
    new = instances()
    # When a machine reports that it serves, it has its address, and the next machine of the region does not exist yet.
    assert seen == [(new[NODES[0]], False), (new[NODES[1]], False)]
    assert clock.now >= 360
