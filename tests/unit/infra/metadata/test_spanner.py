"""Tests the metadata database of a stack that uses Spanner. The tests read the created resources from the emulated
Google Cloud.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pulumi
import pulumi_gcp as gcp
import pytest

from emulation.gcp import in_process
from emulation.providers.gcp import handlers
from emulation.providers.handler import CloudError, Handler
from infra.metadata import MetadataArgs
from infra.metadata.spanner import POSITIONS, SCHEMA, SPANNER_ONLY, SpannerMetadata, statements
from tests.support.harness import deploy

INSTANCE = "spanner/v1/projects/unit/instances/artifact-edge-test"
DATABASE = f"{INSTANCE}/databases/metadata"


@pytest.fixture
def cloud(tmp_path: Path) -> httpx.Client:
    return in_process.client(tmp_path)


def up(cloud: httpx.Client, regions: list[str], **more: Any) -> None:
    settings: dict[str, Any] = {"protect": True, **more}

    def program() -> None:
        made = SpannerMetadata("metadata", MetadataArgs("artifact-edge-test", regions, **settings))
        pulumi.export("table", made.table)

    deployment = deploy(program, handlers(lambda: cloud), config={"gcp:project": "unit"})
    assert deployment.outputs == {"table": "artifact-edge-test/metadata"}


def document_at(cloud: httpx.Client, path: str) -> Any:
    return cloud.get(path).raise_for_status().json()


def test_two_regions_are_a_multi_region_and_one_is_not(cloud: httpx.Client) -> None:
    up(cloud, ["us-central1", "us-east1"], processing_units=3000)
    instance = document_at(cloud, INSTANCE)
    assert (instance["config"], instance["edition"], instance["processingUnits"]) == ("nam6", "ENTERPRISE_PLUS", 3000)


def test_a_single_region_has_the_smallest_instance(cloud: httpx.Client) -> None:
    up(cloud, ["europe-west1"])
    instance = document_at(cloud, INSTANCE)
    assert (instance["config"], instance["edition"], instance["processingUnits"]) == (
        "regional-europe-west1",
        "STANDARD",
        100,
    )


@pytest.mark.parametrize("protect", [True, False])
def test_the_database_has_the_schema_the_stream_and_version_retention(cloud: httpx.Client, protect: bool) -> None:
    up(cloud, ["us-central1", "us-east1"], protect=protect)
    database = document_at(cloud, DATABASE)
    assert database["databaseDialect"] == "POSTGRESQL"
    # Pulumi can only append statements to the schema of a Spanner database. The order of these SQL scripts must
    # therefore not change.
    scripts = (SCHEMA, SPANNER_ONLY, POSITIONS)
    assert database["extraStatements"] == [line for script in scripts for line in statements(script.read_text())]
    assert [each.split()[:3] for each in database["extraStatements"]] == [
        ["CREATE", "TABLE", "items"],
        ["ALTER", "TABLE", "items"],
        ["CREATE", "CHANGE", "STREAM"],
        ["CREATE", "TABLE", "items_changes_positions"],
    ]
    assert database["versionRetentionPeriod"] == "7d"
    assert database["enableDropProtection"] is protect


def test_it_is_backed_up_each_night_for_35_days(cloud: httpx.Client) -> None:
    up(cloud, ["us-central1", "us-east1"])
    schedule = document_at(cloud, f"{DATABASE}/backupSchedules/nightly")
    assert schedule["spec"] == {"cronSpec": {"text": "30 3 * * *"}}
    assert schedule["retentionDuration"] == f"{35 * 86_400}s"
    assert schedule["fullBackupSpec"] == {}
    assert document_at(cloud, INSTANCE)["defaultBackupScheduleType"] == "NONE"


def test_only_operators_may_read_and_write(cloud: httpx.Client) -> None:
    up(cloud, ["us-central1", "us-east1"], operators=["group:registry@example.com", "user:alice@example.com"])
    assert document_at(cloud, DATABASE)["iam"]["bindings"] == [
        {"role": "roles/spanner.databaseUser", "members": ["group:registry@example.com", "user:alice@example.com"]}
    ]


def handler(cloud: httpx.Client, resource: type) -> Handler:
    return next(each for each in handlers(lambda: cloud) if each.resource is resource)


def test_a_schedule_and_a_member_are_read_changed_and_deleted(cloud: httpx.Client) -> None:
    up(cloud, ["us-central1", "us-east1"])
    place = {"project": "unit", "instance": "artifact-edge-test", "database": "metadata"}
    schedules, members = handler(cloud, gcp.spanner.BackupSchedule), handler(cloud, gcp.spanner.DatabaseIAMMember)
    weekly = {**place, "name": "weekly", "spec": {"cronSpec": {"text": "0 5 * * 0"}}, "fullBackupSpec": {}}
    made = schedules.create({**weekly, "retentionDuration": "86400s"})
    assert schedules.read(made.id, made.outputs) == made.outputs
    changed = schedules.update(made.id, made.outputs, {**weekly, "retentionDuration": "172800s"})
    assert schedules.read(made.id, changed) == changed
    schedules.delete(made.id, changed)
    assert schedules.read(made.id, changed) is None
    alice = members.create({**place, "role": "roles/spanner.databaseReader", "member": "user:alice@example.com"})
    assert members.read(alice.id, alice.outputs) == alice.outputs
    members.delete(alice.id, alice.outputs)
    assert members.read(alice.id, alice.outputs) is None
    with pytest.raises(CloudError, match="does not exist"):
        schedules.create({**weekly, "database": "none", "retentionDuration": "86400s"})
