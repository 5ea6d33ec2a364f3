"""Tests the order in which a program creates or replaces the machines of a region on the emulated Compute Engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pulumi_gcp as gcp
import pytest

from emulation.gcp import in_process as google
from emulation.providers import aws as emulated_aws
from emulation.providers import gcp as emulated_gcp
from infra import polling
from infra.machines.serving import ServingReports
from tests.support.harness import deploy
from tests.support.serving_report import report

SERVING = ServingReports("/artifact-edge/test/serving", "us-east-1")


def assert_the_second_machine_waits(
    program: Callable[[], None], region: str, nodes: tuple[str, str], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deploys `program`, which creates the machines `nodes` with the prefix `artifact-edge-test`, and exports their
    addresses as `addresses`. Asserts that the second machine is created when the first one serves, and not earlier.
    Also asserts that a change which only a stopped machine permits replaces the machine.
    """
    project = google.client(directory)
    machines = f"/compute/v1/projects/test/zones/{region}-{{}}/instances/artifact-edge-test-{{}}"
    waited: list[bool] = []

    async def pause(seconds: float) -> None:
        """Replaces `asyncio.sleep`, which the Pulumi program calls while it waits for the first machine. Checks that
        the second machine does not exist yet. Then reports that the first machine serves clients.
        """
        waited.append(project.get(machines.format("c", nodes[1])).status_code == 404)
        report(SERVING, nodes[0], project.get(machines.format("b", nodes[0])).json()["id"])
        await asyncio.sleep(0)

    monkeypatch.setattr(polling, "asyncio", SimpleNamespace(sleep=pause))
    report(SERVING, nodes[1], "served before")
    deployed = deploy(
        program,
        [*emulated_aws.handlers(), *emulated_gcp.handlers(lambda: project)],
        [*emulated_aws.functions(), *emulated_gcp.functions(lambda: project)],
        config={"aws:region": "us-east-1", "gcp:project": "test"},
    )
    assert waited == [True]
    # Pulumi's provider refuses to change these inputs of a machine that runs.
    refused = {"machineType", "serviceAccount", "shieldedInstanceConfig"}
    assert all(refused <= machine.replaced_for for machine in deployed.of(gcp.compute.Instance).values())
    assert set(deployed.outputs["addresses"]) == set(nodes)
    assert project.get(machines.format("c", nodes[1])).status_code == 200
