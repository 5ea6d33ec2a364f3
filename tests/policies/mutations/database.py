"""Changes that break the metadata database, each of which a policy must report."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import add_resource, put, remove, without

TABLE = "aws:dynamodb/table:Table"
DATABASE = "gcp:spanner/database:Database"
BACKUPS = "gcp:spanner/backupSchedule:BackupSchedule"
INSTANCE = "gcp:spanner/instance:Instance"

MUTATIONS = [
    Mutation("gcp-spanner-database-backed-up", [BACKUPS], "no backups", remove),
    Mutation("gcp-spanner-database-backed-up", [BACKUPS], "a day", put("retentionDuration", "86400s")),
    Mutation("gcp-spanner-database-backed-up", [BACKUPS], "once a year", put("spec.cronSpec.text", "0 3 1 1 *")),
    Mutation("gcp-spanner-database-backed-up", [DATABASE], "one more database", add_resource(DATABASE, name="added")),
    Mutation(
        "multi-database-point-in-time-recovery-enabled",
        [TABLE],
        "not in the home region",
        put("pointInTimeRecovery.enabled", False),
    ),
    Mutation(
        "multi-database-point-in-time-recovery-enabled",
        [TABLE],
        "not in a replica",
        put("replicas.0.pointInTimeRecovery", False),
    ),
    Mutation(
        "multi-database-point-in-time-recovery-enabled", [DATABASE], "an hour", put("versionRetentionPeriod", "1h")
    ),
    Mutation("multi-database-deletion-protected", [TABLE], "not at home", put("deletionProtectionEnabled", False)),
    Mutation(
        "multi-database-deletion-protected",
        [TABLE],
        "not a replica",
        put("replicas.0.deletionProtectionEnabled", False),
    ),
    Mutation("multi-database-deletion-protected", [DATABASE], "off", put("enableDropProtection", False)),
    Mutation(
        "aws-dynamodb-table-encrypted-with-own-key",
        [TABLE],
        "DynamoDB's own key",
        put("serverSideEncryption", {"enabled": False}),
    ),
    Mutation(
        "aws-dynamodb-table-encrypted-with-own-key", [TABLE], "AWS's key", without("serverSideEncryption.kmsKeyArn")
    ),
    Mutation(
        "aws-dynamodb-table-encrypted-with-own-key", [TABLE], "AWS's key in a replica", without("replicas.0.kmsKeyArn")
    ),
    Mutation("multi-database-replicated", [TABLE], "one replica less", without("replicas.0")),
    Mutation("multi-database-replicated", [INSTANCE], "one region", put("config", "regional-us-east1")),
    Mutation("multi-database-changes-streamed", [TABLE], "no stream", put("streamEnabled", False)),
    Mutation("multi-database-changes-streamed", [TABLE], "new images only", put("streamViewType", "NEW_IMAGE")),
    Mutation("multi-database-changes-streamed", [DATABASE], "tables only", put("ddls", ["CREATE TABLE x (y INT)"])),
    Mutation("aws-dynamodb-table-capacity-scales", [TABLE], "provisioned", put("billingMode", "PROVISIONED")),
]
