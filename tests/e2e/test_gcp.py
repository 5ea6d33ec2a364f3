"""Tests a stack on Google Cloud with the real Pulumi engine: Compute Engine shields, a dual-region bucket, Spanner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox

LOOPBACK = "127.88"
STACK = "gcp"
PROJECT = "artifact-edge-unit"
CONFIG = {
    "aws:region": "us-east-1",
    "gcp:project": PROJECT,
    "artifact-edge:name": "example",
    "artifact-edge:domain": "gcp.artifact-edge.example",
    "artifact-edge:tags": {"owner": "platform", "cost_center": "none"},
    "artifact-edge:blobs": {"store": "gcs", "regions": ["us-east1", "us-central1"]},
    "artifact-edge:metadata": {"store": "spanner", "regions": ["us-central1", "us-east1"]},
    "artifact-edge:shields": [{"cloud": "gcp", "region": "us-east1", "machine_type": "n2-standard-8", "nodes": 2}],
    "artifact-edge:edge": {
        "account_id": "0123456789abcdef0123456789abcdef",
        "zone": "artifact-edge-zone.test",
    },
    "artifact-edge:alerts": {"email": ["on-call@example.com"]},
    "artifact-edge:protect": False,
}
pytestmark = pytest.mark.plans

MONITORING = f"monitoring/v3/projects/{PROJECT}"


@pytest.fixture(scope="module")
def google() -> Iterator[TemporarySandbox]:
    with temporary_sandbox(LOOPBACK, print) as sandbox:
        (sandbox.project / "stacks" / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump({"config": CONFIG}))
        sandbox.new_stack(STACK)
        yield sandbox


def get(sandbox: TemporarySandbox, path: str) -> Any:
    """Returns the emulated Google API's JSON answer for `path`, or None on status 404."""
    answer = httpx.get(f"{sandbox.clouds.gcp_url}/{path}", timeout=60)
    return None if answer.status_code == 404 else answer.raise_for_status().json()


def changes(sandbox: TemporarySandbox, *options: str) -> dict[str, list[str]]:
    """Runs `pulumi preview`. Returns the URNs of the resources that change, grouped by the planned operation, such as
    `create`.
    """
    preview = sandbox.pulumi("preview", "--json", *options)
    assert preview.returncode == 0, preview.stdout + preview.stderr
    found: dict[str, list[str]] = {}
    for step in json.loads(preview.stdout)["steps"]:
        if step["op"] not in ("same", "refresh"):
            found.setdefault(step["op"], []).append(step["urn"])
    return found


def test_a_google_stack_is_created_unchanged_drifts_and_is_destroyed(google: TemporarySandbox) -> None:
    up = google.pulumi("up", "--yes", "--skip-preview")
    assert up.returncode == 0, up.stdout + up.stderr

    zone = f"compute/v1/projects/{PROJECT}/zones/us-east1-b/instances"
    machine = get(google, f"{zone}/artifact-edge-gcp-us-east1-0")
    assert {"type": "SCRATCH", "interface": "NVME"} in machine["disks"]
    assert machine["serviceAccounts"][0]["email"] == f"artifact-edge-gcp-shield@{PROJECT}.iam.gserviceaccount.com"
    assert any(item["key"] == "user-data" for item in machine["metadata"]["items"])

    bucket = "storage/v1/b/artifact-edge-gcp-example-us-east1"
    kept = get(google, bucket)
    assert kept["customPlacementConfig"] == {"dataLocations": ["US-EAST1", "US-CENTRAL1"]}
    assert kept["iamConfiguration"]["publicAccessPrevention"] == "enforced"
    assert kept["iam"]["bindings"][0]["role"] == "roles/storage.objectViewer"
    database = get(google, f"spanner/v1/projects/{PROJECT}/instances/artifact-edge-gcp/databases/metadata")
    assert database["databaseDialect"] == "POSTGRESQL"

    policies = {policy["displayName"]: policy for policy in get(google, f"{MONITORING}/alertPolicies")["alertPolicies"]}
    (channel,) = get(google, f"{MONITORING}/notificationChannels")["notificationChannels"]
    assert {policy["notificationChannels"][0] for policy in policies.values()} == {channel["name"]}
    assert channel["labels"] == {"email_address": "on-call@example.com"}
    busy = policies["artifact-edge-gcp-metadata-busy"]
    assert busy["conditions"][0]["conditionThreshold"]["thresholdValue"] == 0.45
    assert busy["userLabels"]["owner"] == "platform"
    assert {"artifact-edge-gcp-purge-lag", "artifact-edge-gcp-blobs-lags"} <= policies.keys()

    assert changes(google, "--refresh") == {}
    httpx.patch(f"{google.clouds.gcp_url}/{bucket}", json={"versioning": {"enabled": False}}).raise_for_status()
    silenced = {**{name: value for name, value in busy.items() if name not in ("name", "selfLink")}, "enabled": False}
    httpx.patch(f"{google.clouds.gcp_url}/monitoring/v3/{busy['name']}", json=silenced).raise_for_status()
    assert changes(google) == {}
    assert "update" in changes(google, "--refresh")
    assert google.pulumi("up", "--yes", "--skip-preview", "--refresh").returncode == 0
    assert get(google, bucket)["versioning"] == {"enabled": True}
    assert get(google, f"monitoring/v3/{busy['name']}").get("enabled") is not False

    gone = google.pulumi("destroy", "--yes", "--skip-preview")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert get(google, bucket) is None
    assert get(google, f"{MONITORING}/alertPolicies") == {"alertPolicies": []}
    assert get(google, f"{zone}/artifact-edge-gcp-us-east1-0") is None
