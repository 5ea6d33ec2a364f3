"""Test cases for the policies on the metadata database."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import DATABASE, REPLICA_TABLE, TABLE, Case
from tests.policies.resources import resource

OURS = {"enabled": True, "kmsKeyArn": UNKNOWN_STRING_VALUE}
PROVISIONED = resource(TABLE, {"name": "metadata", "billingMode": "PROVISIONED"})


def separate_replica(table: PolicyResource) -> PolicyResource:
    """Returns a replica of a DynamoDB table, declared as a separate resource."""
    return resource(REPLICA_TABLE, {"globalTableArn": UNKNOWN_STRING_VALUE}, on={"globalTableArn": [table]})


def scaling(unit: str) -> PolicyResource:
    props = {"resourceId": "table/metadata", "scalableDimension": f"dynamodb:table:{unit}CapacityUnits"}
    return resource("aws:appautoscaling/target:Target", props)


SPANNER = resource(DATABASE, {"name": "metadata"})


def schedule(**changes: Any) -> PolicyResource:
    props = {"database": "metadata", "retentionDuration": "3024000s", "spec": {"cronSpec": {"text": "30 3 * * *"}}}
    return resource("gcp:spanner/backupSchedule:BackupSchedule", {**props, **changes})


STREAM = "create change stream z for all with (value_capture_type = 'new_row_and_old_values', retention_period = '7d')"

CASES = [
    *[
        Case("gcp-spanner-database-backed-up", [SPANNER, schedule(**changes)], says)
        for changes, says in (
            ({"database": "another"}, "no backup schedule belongs to the database"),
            ({"retentionDuration": "86400s"}, "keeps backups for 1 days, not for 30"),
            ({"spec": {"cronSpec": {"text": "0 3 1 * *"}}}, "does not run daily: 0 3 1 * *"),
        )
    ],
    Case("gcp-spanner-database-backed-up", [SPANNER, schedule()]),
    Case("gcp-spanner-database-backed-up", [SPANNER], config={"required": False}),
    Case(
        "multi-database-point-in-time-recovery-enabled",
        [resource(TABLE, {"pointInTimeRecovery": {"enabled": True, "recoveryPeriodInDays": 1}})],
        "can be restored to the last 1 days only",
    ),
    Case(
        "multi-database-point-in-time-recovery-enabled", [resource(TABLE, {})], "point-in-time recovery is not enabled"
    ),
    Case(
        "multi-database-point-in-time-recovery-enabled",
        [resource(TABLE, {"pointInTimeRecovery": {"enabled": True}, "replicas": [{"regionName": "eu-west-1"}]})],
        "not enabled in eu-west-1",
    ),
    Case(
        "multi-database-point-in-time-recovery-enabled",
        [resource(REPLICA_TABLE, {})],
        "point-in-time recovery is not enabled",
    ),
    Case(
        "multi-database-point-in-time-recovery-enabled",
        [resource(DATABASE, {"versionRetentionPeriod": "1h"})],
        "past versions are kept for 1h, not for 7 days",
    ),
    Case(
        "multi-database-point-in-time-recovery-enabled",
        [
            resource(
                TABLE,
                {
                    "pointInTimeRecovery": {"enabled": True},
                    "replicas": [{"regionName": "eu-west-1", "pointInTimeRecovery": True}],
                },
            ),
            resource(REPLICA_TABLE, {"pointInTimeRecovery": True}),
            resource(DATABASE, {"versionRetentionPeriod": "7d"}),
        ],
    ),
    Case("multi-database-deletion-protected", [resource(TABLE, {})], "deletion protection is not enabled"),
    Case(
        "multi-database-deletion-protected",
        [resource(TABLE, {"deletionProtectionEnabled": True, "replicas": [{"regionName": "eu-west-1"}]})],
        "not enabled in eu-west-1",
    ),
    Case("multi-database-deletion-protected", [resource(REPLICA_TABLE, {})], "deletion protection is not enabled"),
    Case("multi-database-deletion-protected", [resource(DATABASE, {})], "drop protection is not enabled"),
    Case(
        "multi-database-deletion-protected",
        [resource(TABLE, {"deletionProtectionEnabled": True}), resource(DATABASE, {"enableDropProtection": True})],
    ),
    Case("aws-dynamodb-table-encrypted-with-own-key", [resource(TABLE, {})], "DynamoDB encrypts with a key of its own"),
    Case(
        "aws-dynamodb-table-encrypted-with-own-key",
        [resource(TABLE, {"serverSideEncryption": {"enabled": True}})],
        "the key belongs to AWS",
    ),
    Case("aws-dynamodb-table-encrypted-with-own-key", [resource(REPLICA_TABLE, {})], "the key belongs to AWS"),
    Case(
        "aws-dynamodb-table-encrypted-with-own-key",
        [resource(TABLE, {"serverSideEncryption": OURS, "replicas": [{"regionName": "eu-west-1"}]})],
        "the key in eu-west-1 belongs to AWS",
    ),
    Case(
        "aws-dynamodb-table-encrypted-with-own-key",
        [
            resource(TABLE, {"serverSideEncryption": OURS, "replicas": [{"kmsKeyArn": UNKNOWN_STRING_VALUE}]}),
            resource(REPLICA_TABLE, {"kmsKeyArn": UNKNOWN_STRING_VALUE}),
        ],
    ),
    Case("multi-database-replicated", [PROVISIONED, separate_replica(PROVISIONED)]),
    Case(
        "multi-database-replicated",
        [PROVISIONED, separate_replica(PROVISIONED)],
        "it is in 2 regions, not in 3",
        config={"regions": 3},
    ),
    Case(
        "multi-database-replicated", [PROVISIONED, separate_replica(resource(TABLE, {}, "other"))], "it is in 1 region"
    ),
    Case("multi-database-replicated", [resource(TABLE, {})], "it is in 1 region, not in 2"),
    Case(
        "multi-database-replicated",
        [resource("gcp:spanner/instance:Instance", {"config": "regional-us-east1"})],
        "it is in 1 region",
    ),
    Case(
        "multi-database-replicated",
        [
            resource(TABLE, {"replicas": [{"regionName": "eu-west-1"}]}),
            resource("gcp:spanner/instance:Instance", {"config": "nam3"}),
        ],
    ),
    Case("multi-database-replicated", [resource(TABLE, {})], config={"regions": 1}),
    Case("multi-database-changes-streamed", [resource(TABLE, {})], "the stream is not enabled"),
    Case(
        "multi-database-changes-streamed",
        [resource(DATABASE, {"ddls": ["CREATE CHANGE STREAM z FOR ALL WITH (retention_period = '7d')"]})],
        "lacks the values before a change",
    ),
    Case(
        "multi-database-changes-streamed",
        [
            resource(
                DATABASE,
                {"ddls": [STREAM.replace("7d", "1d")]},
            )
        ],
        "keeps changes for 1d, not for 7 days",
    ),
    Case(
        "multi-database-changes-streamed",
        [resource(TABLE, {"streamEnabled": True, "streamViewType": "KEYS_ONLY"})],
        "the stream is KEYS_ONLY",
    ),
    Case(
        "multi-database-changes-streamed",
        [resource(DATABASE, {"ddls": ["CREATE TABLE x (y INT)"]})],
        "no change stream",
    ),
    Case(
        "multi-database-changes-streamed",
        [
            resource(TABLE, {"streamEnabled": True, "streamViewType": "NEW_AND_OLD_IMAGES"}),
            resource(
                DATABASE,
                {
                    "ddls": [
                        "CREATE TABLE x (y INT)",
                        STREAM,
                    ]
                },
            ),
        ],
    ),
    Case("aws-dynamodb-table-capacity-scales", [PROVISIONED], " capacity", count=2),
    Case("aws-dynamodb-table-capacity-scales", [PROVISIONED, scaling("Write")], "nothing scales its read capacity"),
    Case("aws-dynamodb-table-capacity-scales", [PROVISIONED, scaling("Read"), scaling("Write")]),
    Case("aws-dynamodb-table-capacity-scales", [resource(TABLE, {"billingMode": "PAY_PER_REQUEST"})]),
]
