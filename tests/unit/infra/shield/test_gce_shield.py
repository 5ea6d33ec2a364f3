"""Tests the order in which the program creates or replaces the shield machines (regional caches) of a region on Compute
Engine.
"""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest

from infra.blobs import Bucket
from infra.network import NetworkArgs
from infra.network.gcp import GcpNetwork
from infra.shield import BootSettings, ShieldArgs
from infra.shield.gce import GceShield
from tests.support.replaced_on_google import SERVING, assert_the_second_machine_waits

pytestmark = pytest.mark.usefixtures("aws_cloud")

REGION = "asia-southeast1"
BOOT = BootSettings([Bucket("objects", "us-east-1", "objects.s3")], "secret", ["us-east-1"], "us-east-1", "/c", SERVING)


def test_the_next_machine_is_replaced_when_the_last_one_serves_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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

    assert_the_second_machine_waits(program, REGION, (f"{REGION}-0", f"{REGION}-1"), tmp_path, monkeypatch)
