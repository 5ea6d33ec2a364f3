"""Harmful changes to the metadata database of a stack. Tests make each change, and a policy must report it."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import add_resource, put, remove, without

TABLE = "aws:dynamodb/table:Table"
DATABASE = "gcp:spanner/database:Database"
BACKUPS = "gcp:spanner/backupSchedule:BackupSchedule"
INSTANCE = "gcp:spanner/instance:Instance"

MUTATIONS = [
    Mutation("gcp-spanner-database-backed-up", [BACKUPS], "a Spanner database has no backup schedule", remove),
    Mutation(
        "gcp-spanner-database-backed-up",
        [BACKUPS],
        "Spanner backups are kept for one day",
        put("retentionDuration", "86400s"),
    ),
    Mutation(
        "gcp-spanner-database-backed-up",
        [BACKUPS],
        "Spanner backups are made once a year",
        put("spec.cronSpec.text", "0 3 1 1 *"),
    ),
    Mutation(
        "gcp-spanner-database-backed-up",
        [DATABASE],
        "a new Spanner database has no backup schedule",
        add_resource(DATABASE, name="added"),
    ),
    Mutation(
        "multi-database-point-in-time-recovery-enabled",
        [TABLE],
        "point-in-time recovery is disabled in the table's home region",
        put("pointInTimeRecovery.enabled", False),
    ),
    Mutation(
        "multi-database-point-in-time-recovery-enabled",
        [TABLE],
        "point-in-time recovery is disabled in a table replica",
        put("replicas.0.pointInTimeRecovery", False),
    ),
    Mutation(
        "multi-database-point-in-time-recovery-enabled",
        [DATABASE],
        "Spanner keeps old row versions for one hour",
        put("versionRetentionPeriod", "1h"),
    ),
    Mutation(
        "multi-database-deletion-protected",
        [TABLE],
        "deletion protection is disabled in the table's home region",
        put("deletionProtectionEnabled", False),
    ),
    Mutation(
        "multi-database-deletion-protected",
        [TABLE],
        "deletion protection is disabled in a table replica",
        put("replicas.0.deletionProtectionEnabled", False),
    ),
    Mutation(
        "multi-database-deletion-protected",
        [DATABASE],
        "drop protection of a Spanner database is disabled",
        put("enableDropProtection", False),
    ),
    Mutation(
        "aws-dynamodb-table-encrypted-with-own-key",
        [TABLE],
        "the table is encrypted with DynamoDB's own key",
        put("serverSideEncryption", {"enabled": False}),
    ),
    Mutation(
        "aws-dynamodb-table-encrypted-with-own-key",
        [TABLE],
        "the table is encrypted with an AWS managed key",
        without("serverSideEncryption.kmsKeyArn"),
    ),
    Mutation(
        "aws-dynamodb-table-encrypted-with-own-key",
        [TABLE],
        "a table replica is encrypted with an AWS managed key",
        without("replicas.0.kmsKeyArn"),
    ),
    Mutation("multi-database-replicated", [TABLE], "the table has one replica less", without("replicas.0")),
    Mutation(
        "multi-database-replicated",
        [INSTANCE],
        "the Spanner instance is in one region only",
        put("config", "regional-us-east1"),
    ),
    Mutation("multi-database-changes-streamed", [TABLE], "the table has no change stream", put("streamEnabled", False)),
    Mutation(
        "multi-database-changes-streamed",
        [TABLE],
        "the table's stream contains only new images of items",
        put("streamViewType", "NEW_IMAGE"),
    ),
    Mutation(
        "multi-database-changes-streamed",
        [DATABASE],
        "the Spanner database has tables but no change stream",
        put("ddls", ["CREATE TABLE x (y INT)"]),
    ),
    Mutation(
        "aws-dynamodb-table-capacity-scales",
        [TABLE],
        "the table has provisioned capacity without auto scaling",
        put("billingMode", "PROVISIONED"),
    ),
]
