"""Tests the order in which the program creates or replaces the shield machines (regional caches) of a region on Compute
Engine.
"""

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
from infra.blobs import Bucket
from infra.machines.serving import ServingReports
from infra.network import NetworkArgs
from infra.network.gcp import GcpNetwork
from infra.shield import BootSettings, ShieldArgs
from infra.shield.gce import GceShield
from tests.support.harness import deploy

pytestmark = pytest.mark.usefixtures("aws_cloud")

REGION = "asia-southeast1"
SERVING = ServingReports("/artifact-edge/test/serving", "us-east-1")
BOOT = BootSettings([Bucket("objects", "us-east-1", "objects.s3")], "secret", ["us-east-1"], "us-east-1", "/c", SERVING)


def report(machine: str, instance_id: str) -> None:
    client("ssm", {"region": SERVING.region}).put_parameter(
        Name=SERVING.parameter(machine), Value=instance_id, Type="String", Overwrite=True
    )


def test_the_next_machine_is_replaced_when_the_last_one_serves_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = google.client(tmp_path)
    machines = f"/compute/v1/projects/test/zones/{REGION}-{{}}/instances/artifact-edge-test-{REGION}-{{}}"
    waited: list[bool] = []

    async def pause(seconds: float) -> None:
        """Replaces `asyncio.sleep`, which the Pulumi program calls while it waits for the first machine. Checks that
        the second machine does not exist yet. Then reports that the first machine serves clients.
        """
        waited.append(project.get(machines.format("c", 1)).status_code == 404)
        report(f"{REGION}-0", project.get(machines.format("b", 0)).json()["id"])
        await asyncio.sleep(0)

    monkeypatch.setattr(polling, "asyncio", SimpleNamespace(sleep=pause))

    def program() -> None:
        network = GcpNetwork(f"network-{REGION}", NetworkArgs(REGION, "artifact-edge-test"))
        args = ShieldArgs(
            prefix="artifact-edge-test",
            region=REGION,
            machine_type="n2-standard-2",
            nodes=2,
            network=network,
            identity="shield@test.iam.gserviceaccount.com",
            edge_addresses=["173.245.48.0/20"],
            boot=BOOT,
            role_arn="arn:aws:iam::123456789012:role/artifact-edge-test-shield",
            boots_after=[],
        )
        pulumi.export("addresses", {node.name: node.address for node in GceShield(f"shield-{REGION}", args).nodes})

    report(f"{REGION}-1", "served before")
    deployed = deploy(
        program,
        [*emulated_aws.handlers(), *emulated_gcp.handlers(lambda: project)],
        [*emulated_aws.functions(), *emulated_gcp.functions(lambda: project)],
        config={"aws:region": "us-east-1", "gcp:project": "test"},
    )
    assert waited == [True]
    assert set(deployed.outputs["addresses"]) == {f"{REGION}-0", f"{REGION}-1"}
    assert project.get(machines.format("c", 1)).status_code == 200
