"""Tests the order in which the program replaces the PoP machines of a region on Compute Engine."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest

from infra.network import NetworkArgs
from infra.network.gcp import GcpNetwork
from infra.pop import PopAddressesArgs, PopArgs
from infra.pop.gce import GcePop, GcePopAddresses
from tests.support.replaced_on_google import SERVING, assert_the_second_machine_waits

pytestmark = pytest.mark.usefixtures("aws_cloud")

REGION = "europe-west4"
PREFIX = "artifact-edge-test"


def program() -> None:
    nodes = GcePopAddresses("addresses", PopAddressesArgs(PREFIX, REGION, 2)).nodes
    args = PopArgs(
        prefix=PREFIX,
        region=REGION,
        machine_type="n2-standard-2",
        nodes=nodes,
        network=GcpNetwork("network", NetworkArgs(REGION, f"{PREFIX}-pop")),
        identity="pop@test.iam.gserviceaccount.com",
        user_data={node.name: "#cloud-config\n{}" for node in nodes},
        serving=SERVING,
        shield_addresses=["198.51.100.99"],
        boots_after=[],
    )
    GcePop("pop", args)
    pulumi.export("addresses", {node.name: node.address for node in nodes})


def test_the_next_machine_is_replaced_when_the_last_one_serves_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = (f"pop-{REGION}-0", f"pop-{REGION}-1")
    assert_the_second_machine_waits(program, REGION, nodes, tmp_path, monkeypatch)
