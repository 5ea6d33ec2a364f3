"""Tests DynamoDB tables of the emulated AWS provider. A refresh must find drift, and an update must correct it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulation.providers.aws.clients import client
from emulation.providers.aws.dynamodb import Table
from emulation.providers.aws.dynamodb_replicas import TableReplica
from tests.support.harness import aws_account

HOME, OTHER, THIRD = "us-east-1", "eu-west-1", "ap-southeast-1"
KEYS = {region: f"arn:aws:kms:{region}:123456789012:key/mrk-1" for region in (HOME, OTHER, THIRD)}


@pytest.fixture(autouse=True)
def account() -> Iterator[None]:
    with aws_account():
        yield


def inputs(*replicas: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "t",
        "region": HOME,
        "hashKey": "pk",
        "attributes": [{"name": "pk", "type": "S"}],
        "billingMode": "PAY_PER_REQUEST",
        "tags": {"owner": "x"},
        "streamEnabled": True,
        "streamViewType": "NEW_AND_OLD_IMAGES",
        "serverSideEncryption": {"enabled": True, "kmsKeyArn": KEYS[HOME]},
        "replicas": [
            {"regionName": region, "kmsKeyArn": KEYS[region], "pointInTimeRecovery": True, "propagateTags": True}
            for region in replicas
        ],
        **more,
    }


def dynamodb(region: str = HOME) -> Any:
    return client("dynamodb", {"region": region})


def test_a_table_reads_back_as_it_was_made() -> None:
    made = Table().create(inputs(THIRD, OTHER))
    assert Table().read("t", made.outputs) == made.outputs


def test_replicas_follow_their_inputs() -> None:
    made = Table().create(inputs(OTHER))
    changed = Table().update("t", made.outputs, inputs(THIRD))
    assert [each["RegionName"] for each in dynamodb().describe_table(TableName="t")["Table"]["Replicas"]] == [THIRD]
    assert Table().read("t", changed) == changed
    Table().delete("t", changed)
    assert dynamodb(THIRD).list_tables()["TableNames"] == dynamodb().list_tables()["TableNames"] == []


def test_a_replica_changed_outside_pulumi_is_drift_and_is_restored() -> None:
    made = Table().create(inputs(OTHER, THIRD))
    dynamodb().update_table(TableName="t", ReplicaUpdates=[{"Delete": {"RegionName": OTHER}}])
    off = {"PointInTimeRecoveryEnabled": False}
    dynamodb(THIRD).update_continuous_backups(TableName="t", PointInTimeRecoverySpecification=off)
    seen = Table().read("t", made.outputs)
    assert seen is not None
    assert [(each["regionName"], each["pointInTimeRecovery"]) for each in seen["replicas"]] == [(THIRD, False)]
    again = Table().update("t", seen, inputs(OTHER, THIRD))
    assert Table().read("t", again) == again


def test_a_key_and_a_billing_mode_change_in_place() -> None:
    made = Table().create(inputs())
    other = {"enabled": True, "kmsKeyArn": KEYS[HOME].replace("mrk-1", "mrk-2")}
    units = {"billingMode": "PROVISIONED", "readCapacity": 5, "writeCapacity": 6}
    changed = Table().update("t", made.outputs, inputs(serverSideEncryption=other, **units))
    there = dynamodb().describe_table(TableName="t")["Table"]
    assert there["SSEDescription"]["KMSMasterKeyArn"] == other["kmsKeyArn"]
    assert there["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert there["ProvisionedThroughput"]["WriteCapacityUnits"] == 6
    assert Table().read("t", changed) == changed


def test_capacity_set_by_scaling_is_no_drift() -> None:
    made = Table().create(inputs(billingMode="PROVISIONED", readCapacity=5, writeCapacity=6))
    scaled = {"ReadCapacityUnits": 50, "WriteCapacityUnits": 60}
    dynamodb().update_table(TableName="t", ProvisionedThroughput=scaled)
    seen = Table().read("t", made.outputs)
    assert seen == made.outputs
    Table().update("t", made.outputs, {**made.outputs, "deletionProtectionEnabled": True})
    assert dynamodb().describe_table(TableName="t")["Table"]["ProvisionedThroughput"]["WriteCapacityUnits"] == 60


def test_a_replica_resource_is_read_changed_and_deleted() -> None:
    table = Table().create(inputs())
    given = {"globalTableArn": table.outputs["arn"], "region": OTHER, "kmsKeyArn": KEYS[OTHER], "tags": {"owner": "x"}}
    made = TableReplica().create({**given, "pointInTimeRecovery": True})
    assert made.outputs["arn"].split(":")[3] == OTHER
    assert TableReplica().read(made.id, made.outputs) == made.outputs
    changed = TableReplica().update(made.id, made.outputs, {**given, "pointInTimeRecovery": False})
    assert TableReplica().read(made.id, changed) == changed
    TableReplica().delete(made.id, changed)
    assert TableReplica().read(made.id, changed) is None
    assert "Replicas" not in dynamodb().describe_table(TableName="t")["Table"]
