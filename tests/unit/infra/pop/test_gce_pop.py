"""Tests the order in which the program replaces the PoP machines of a region on Compute Engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pulumi
import pytest

from emulation.gcp import in_process as google
from emulation.providers import aws as emulated_aws
from emulation.providers import gcp as emulated_gcp
from emulation.providers.aws.clients import client
from infra import polling
from infra.machines.serving import ServingReports
from infra.network import NetworkArgs
from infra.network.gcp import GcpNetwork
from infra.pop import PopAddressesArgs, PopArgs
from infra.pop.gce import GcePop, GcePopAddresses
from tests.support.harness import deploy

pytestmark = pytest.mark.usefixtures("aws_cloud")

REGION = "europe-west4"
PREFIX = "artifact-edge-test"
SERVING = ServingReports("/artifact-edge/test/serving", "us-east-1")


def report(machine: str, instance_id: str) -> None:
    client("ssm", {"region": SERVING.region}).put_parameter(
        Name=SERVING.parameter(machine), Value=instance_id, Type="String", Overwrite=True
    )


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
    project = google.client(tmp_path)
    machines = f"/compute/v1/projects/test/zones/{REGION}-{{}}/instances/{PREFIX}-pop-{REGION}-{{}}"
    waited: list[bool] = []

    async def pause(seconds: float) -> None:
        """Replaces `asyncio.sleep`, which the program calls while it waits for the first machine. Checks that the
        second machine does not exist yet. Then reports that the first machine serves clients.
        """
        waited.append(project.get(machines.format("c", 1)).status_code == 404)
        report(f"pop-{REGION}-0", project.get(machines.format("b", 0)).json()["id"])
        await asyncio.sleep(0)

    monkeypatch.setattr(polling, "asyncio", SimpleNamespace(sleep=pause))
    report(f"pop-{REGION}-1", "served before")
    deployed = deploy(
        program,
        [*emulated_aws.handlers(), *emulated_gcp.handlers(lambda: project)],
        [*emulated_aws.functions(), *emulated_gcp.functions(lambda: project)],
        config={"aws:region": "us-east-1", "gcp:project": "test"},
    )
    assert waited == [True]
    assert set(deployed.outputs["addresses"]) == {f"pop-{REGION}-0", f"pop-{REGION}-1"}
    assert project.get(machines.format("c", 1)).status_code == 200
