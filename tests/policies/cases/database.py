"""Cases of metadata."""

from __future__ import annotations

from pulumi_policy import PolicyResource

from tests.policies.cases.parts import DATABASE, REPLICA_TABLE, TABLE, Case
from tests.policies.resources import resource

PROVISIONED = resource(TABLE, {"name": "metadata", "billingMode": "PROVISIONED"})


def scaling(unit: str) -> PolicyResource:
    props = {"resourceId": "table/metadata", "scalableDimension": f"dynamodb:table:{unit}CapacityUnits"}
    return resource("aws:appautoscaling/target:Target", props)


CASES = [
    Case("table-recoverable", [resource(TABLE, {})], "point-in-time recovery is not enabled"),
    Case(
        "table-recoverable",
        [resource(TABLE, {"pointInTimeRecovery": {"enabled": True}, "replicas": [{"regionName": "eu-west-1"}]})],
        "not enabled in eu-west-1",
    ),
    Case("table-recoverable", [resource(REPLICA_TABLE, {})], "point-in-time recovery is not enabled"),
    Case("table-recoverable", [resource(DATABASE, {"versionRetentionPeriod": "1h"})], "less than a day"),
    Case(
        "table-recoverable",
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
    Case("table-protected-from-deletion", [resource(TABLE, {})], "deletion protection is not enabled"),
    Case(
        "table-protected-from-deletion",
        [resource(TABLE, {"deletionProtectionEnabled": True, "replicas": [{"regionName": "eu-west-1"}]})],
        "not enabled in eu-west-1",
    ),
    Case("table-protected-from-deletion", [resource(REPLICA_TABLE, {})], "deletion protection is not enabled"),
    Case("table-protected-from-deletion", [resource(DATABASE, {})], "drop protection is not enabled"),
    Case(
        "table-protected-from-deletion",
        [resource(TABLE, {"deletionProtectionEnabled": True}), resource(DATABASE, {"enableDropProtection": True})],
    ),
    Case("table-encrypted", [resource(TABLE, {})], "the key is DynamoDB's own"),
    Case("table-encrypted", [resource(TABLE, {"serverSideEncryption": {"enabled": True}})]),
    Case("table-replicated", [resource(TABLE, {})], "stands in 1 region; 2 are asked for"),
    Case(
        "table-replicated",
        [resource("gcp:spanner/instance:Instance", {"config": "regional-us-east1"})],
        "stands in 1 region",
    ),
    Case(
        "table-replicated",
        [
            resource(TABLE, {"replicas": [{"regionName": "eu-west-1"}]}),
            resource("gcp:spanner/instance:Instance", {"config": "nam3"}),
        ],
    ),
    Case("table-replicated", [resource(TABLE, {})], config={"regions": 1}),
    Case("table-changes-streamed", [resource(TABLE, {})], "the stream is not enabled"),
    Case(
        "table-changes-streamed",
        [resource(TABLE, {"streamEnabled": True, "streamViewType": "KEYS_ONLY"})],
        "the stream is KEYS_ONLY",
    ),
    Case("table-changes-streamed", [resource(DATABASE, {"ddls": ["CREATE TABLE x (y INT)"]})], "no change stream"),
    Case(
        "table-changes-streamed",
        [
            resource(TABLE, {"streamEnabled": True, "streamViewType": "NEW_AND_OLD_IMAGES"}),
            resource(DATABASE, {"ddls": ["CREATE TABLE x (y INT)", "create change stream z for all"]}),
        ],
    ),
    Case("table-scales", [PROVISIONED], " capacity", count=2),
    Case("table-scales", [PROVISIONED, scaling("Write")], "nothing scales its read capacity"),
    Case("table-scales", [PROVISIONED, scaling("Read"), scaling("Write")]),
    Case("table-scales", [resource(TABLE, {"billingMode": "PAY_PER_REQUEST"})]),
]
