"""Mutations of the metadata database."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, without

TABLE = "aws:dynamodb/table:Table"
DATABASE = "gcp:spanner/database:Database"
INSTANCE = "gcp:spanner/instance:Instance"

MUTATIONS = [
    Mutation("table-recoverable", [TABLE], "not in the home region", put("pointInTimeRecovery.enabled", False)),
    Mutation("table-recoverable", [TABLE], "not in a replica", put("replicas.0.pointInTimeRecovery", False)),
    Mutation("table-recoverable", [DATABASE], "an hour", put("versionRetentionPeriod", "1h")),
    Mutation("table-protected-from-deletion", [TABLE], "not at home", put("deletionProtectionEnabled", False)),
    Mutation(
        "table-protected-from-deletion", [TABLE], "not a replica", put("replicas.0.deletionProtectionEnabled", False)
    ),
    Mutation("table-protected-from-deletion", [DATABASE], "off", put("enableDropProtection", False)),
    Mutation("table-encrypted", [TABLE], "DynamoDB's own key", put("serverSideEncryption", {"enabled": False})),
    Mutation("table-encrypted", [TABLE], "AWS's key", without("serverSideEncryption.kmsKeyArn")),
    Mutation("table-encrypted", [TABLE], "AWS's key in a replica", without("replicas.0.kmsKeyArn")),
    Mutation("table-replicated", [TABLE], "one replica less", without("replicas.0")),
    Mutation("table-replicated", [INSTANCE], "one region", put("config", "regional-us-east1")),
    Mutation("table-changes-streamed", [TABLE], "no stream", put("streamEnabled", False)),
    Mutation("table-changes-streamed", [TABLE], "new images only", put("streamViewType", "NEW_IMAGE")),
    Mutation("table-changes-streamed", [DATABASE], "tables only", put("ddls", ["CREATE TABLE x (y INT)"])),
    Mutation("table-scales", [TABLE], "provisioned", put("billingMode", "PROVISIONED")),
]
