"""Tests that the subnets of a network in AWS stay where they are, whatever zones AWS lists later."""

from __future__ import annotations

import pulumi_aws as aws
import pytest
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

from emulation.providers.aws import functions, handlers
from infra.network import NetworkArgs
from infra.network.aws import AwsNetwork
from tests.support.harness import aws_account, deploy

REGION = "us-west-1"  # a region in which an account has two zones


def test_neither_an_impaired_nor_a_new_zone_moves_a_subnet(monkeypatch: pytest.MonkeyPatch) -> None:
    # Another zone replaces a subnet and its machines. In a region with two zones, a list without the impaired zone is
    # also too short for the program.
    monkeypatch.setattr(RegionsAndZonesBackend.zones[REGION][0], "state", "impaired")
    with aws_account():
        found = deploy(lambda: AwsNetwork("network", NetworkArgs(REGION, "test")), handlers(), functions())
    subnets = found.of(aws.ec2.Subnet).values()
    assert [subnet.inputs["availabilityZone"] for subnet in subnets] == ["us-west-1a", "us-west-1b"]
    assert all("availabilityZone" in subnet.ignored for subnet in subnets)
