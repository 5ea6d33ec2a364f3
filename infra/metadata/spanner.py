"""Creates the metadata database as a Spanner instance and a database in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import pulumi
import pulumi_gcp as gcp

from infra.metadata import MetadataArgs, SpannerChanges
from infra.metadata.spanner_alarms import spanner_alarms
from infra.observability import CloudMonitoringAlarm

# Maps the two read-write regions of a Spanner instance to the name of Spanner's multi-region configuration (Spanner,
# "Instance configurations"). The first of the two regions is the default leader. The mapping contains only regions that
# are also in contract/regions.py.
MULTI_REGIONS: Mapping[tuple[str, ...], str] = {
    ("us-east4", "us-east1"): "nam3",
    ("us-central1", "us-east1"): "nam6",
    ("europe-west1", "europe-west4"): "eur3",
}

_NIGHTLY = "30 3 * * *"  # the time of the nightly backup, as a cron expression in UTC
# Backups are kept for 35 days, which is also the period of DynamoDB's point-in-time recovery.
_KEPT_SECONDS = 35 * 86_400

# The IAM role that lets operators read and write data and read the schema, and nothing else (Spanner, "IAM roles").
_OPERATOR = "roles/spanner.databaseUser"

SCHEMA, SPANNER_ONLY = Path(__file__).with_name("schema.sql"), Path(__file__).with_name("spanner-only.sql")
# The DDL scripts of the Spanner database run in this order: schema.sql, spanner-only.sql, positions.sql. The statements
# in schema.sql also work on PostgreSQL. The statements in spanner-only.sql work only on Spanner. positions.sql creates
# the table in which the reader of the change stream keeps its positions. Add statements only at the end of
# positions.sql. Pulumi replaces the whole database if you change an earlier statement or insert a statement before it.
POSITIONS = Path(__file__).with_name("positions.sql")

# The name of the change stream that spanner-only.sql creates. The reader of the stream stores its positions in the
# table that positions.sql creates.
CHANGE_STREAM = "items_changes"


class SpannerMetadata(pulumi.ComponentResource):
    """A Spanner instance and its database for metadata. The database has nightly backups, and queries can read its
    state at any time in the last week.
    """

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
            # This component creates its own backup schedule, so Spanner must not create the default one.
            default_backup_schedule_type="NONE",
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
    """Returns the statements of a SQL script, without comments and closing semicolons."""
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    return [statement.strip().removesuffix(";") for statement in "\n".join(lines).split(";\n") if statement.strip()]
