"""Metadata in Spanner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import pulumi
import pulumi_gcp as gcp

from infra.metadata import MetadataArgs, SpannerChanges
from infra.metadata.spanner_alarms import spanner_alarms
from infra.observability import CloudMonitoringAlarm

MULTI_REGIONS: Mapping[tuple[str, ...], str] = {
    ("us-east4", "us-east1"): "nam3",
    ("us-central1", "us-east1"): "nam6",
    ("europe-west1", "europe-west4"): "eur3",
}
"""Spanner's multi-region configurations by their read-write regions, the default leader first (Spanner, "Instance
configurations"). Others exist; these are those within the regions that we know."""

_NIGHTLY = "30 3 * * *"  # UTC
_KEPT_SECONDS = 35 * 86_400
"""As long as DynamoDB keeps what a table can be restored from."""

_OPERATOR = "roles/spanner.databaseUser"
"""Reads and writes data and may read the schema, no more (Spanner, "IAM roles")."""

SCHEMA, SPANNER_ONLY = Path(__file__).with_name("schema.sql"), Path(__file__).with_name("spanner-only.sql")
POSITIONS = Path(__file__).with_name("positions.sql")
"""The DDL: what PostgreSQL takes as well, what only Spanner has, and where the change stream's follower is. In this
order: to change a statement, or to put one in between, is to replace the database."""

CHANGE_STREAM = "items_changes"
"""Made by spanner-only.sql; positions.sql has a table for its follower."""


class SpannerMetadata(pulumi.ComponentResource):
    """An instance and its database: a week in which any past state can be read, and a backup each night."""

    backend: Literal["spanner"] = "spanner"
    region: str
    table: pulumi.Output[str]
    project: pulumi.Output[str] | None
    alarms: Sequence[CloudMonitoringAlarm]
    changes: SpannerChanges

    def __init__(self, name: str, args: MetadataArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:metadata:SpannerMetadata", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        spread = len(args.regions) > 1
        instance = gcp.spanner.Instance(
            name,
            name=args.prefix,
            display_name=args.prefix,
            config=MULTI_REGIONS[tuple(args.regions)] if spread else f"regional-{args.regions[0]}",
            edition="ENTERPRISE_PLUS" if spread else "STANDARD",
            processing_units=args.processing_units,
            default_backup_schedule_type="NONE",  # its schedule is below
            force_destroy=not args.protect,
            opts=child,
        )
        database = gcp.spanner.Database(
            name,
            name="metadata",
            instance=instance.name,
            database_dialect="POSTGRESQL",
            ddls=[line for script in (SCHEMA, SPANNER_ONLY, POSITIONS) for line in statements(script.read_text())],
            version_retention_period="7d",
            deletion_protection=args.protect,
            enable_drop_protection=args.protect,
            opts=child,
        )
        gcp.spanner.BackupSchedule(
            name,
            name="nightly",
            instance=instance.name,
            database=database.name,
            spec={"cron_spec": {"text": _NIGHTLY}},
            retention_duration=f"{_KEPT_SECONDS}s",
            full_backup_spec={},
            opts=child,
        )
        for member in args.operators:
            gcp.spanner.DatabaseIAMMember(
                f"operator-{member}",
                instance=instance.name,
                database=database.name,
                role=_OPERATOR,
                member=member,
                opts=child,
            )
        self.alarms = list(spanner_alarms(instance.name, spread=spread))
        self.region = args.regions[0]
        self.project = instance.project
        self.table = pulumi.Output.concat(instance.name, "/", database.name)
        full_name = pulumi.Output.format(
            "projects/{0}/instances/{1}/databases/{2}", self.project, instance.name, database.name
        )
        self.changes = SpannerChanges(args.regions[0], instance.name, database.name, full_name, CHANGE_STREAM)
        self.register_outputs({"table": self.table})


def statements(script: str) -> Sequence[str]:
    """The statements of a SQL script, without comments and closing semicolons."""
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    return [statement.strip().removesuffix(";") for statement in "\n".join(lines).split(";\n") if statement.strip()]
