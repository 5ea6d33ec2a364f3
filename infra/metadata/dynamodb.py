"""Creates the metadata database as a DynamoDB global table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from infra.metadata import EXPIRES, PARTITION_KEY, SORT_KEY, Capacity, ChangeSource, MetadataArgs
from infra.metadata.scaling import scale
from infra.observability import CloudWatchAlarm


class DynamoDbMetadata(pulumi.ComponentResource):
    """One DynamoDB table for all metadata, with a replica in each additional region, a change stream and 35 days of
    backups.
    """

    backend: Literal["dynamodb"] = "dynamodb"
    region: str
    table: pulumi.Output[str]
    project: pulumi.Output[str] | None = None
    alarms: Sequence[CloudWatchAlarm]
    changes: ChangeSource

    def __init__(self, name: str, args: MetadataArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:metadata:DynamoDbMetadata", name, None, opts)
        home, *others = args.regions
        child = pulumi.ResourceOptions(parent=self)
        # AWS adds replicas to a table with provisioned capacity only if the table already has auto scaling. The
        # replicas of such a table are therefore separate Pulumi resources. Pulumi creates them after auto scaling.
        apart = others if args.capacity else []
        table = aws.dynamodb.Table(
            name,
            name=f"{args.prefix}-metadata",
            region=home,
            hash_key=PARTITION_KEY,
            range_key=SORT_KEY,
            attributes=[{"name": PARTITION_KEY, "type": "S"}, {"name": SORT_KEY, "type": "S"}],
            ttl={"attribute_name": EXPIRES, "enabled": True},
            point_in_time_recovery={"enabled": True},
            server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(
                enabled=True, kms_key_arn=args.keys.get(home)
            ),
            stream_enabled=True,
            stream_view_type="NEW_AND_OLD_IMAGES",
            deletion_protection_enabled=args.protect,
            replicas=[
                aws.dynamodb.TableReplicaArgs(
                    region_name=region,
                    point_in_time_recovery=True,
                    propagate_tags=True,
                    deletion_protection_enabled=args.protect,
                    kms_key_arn=args.keys.get(region),
                )
                for region in others
                if region not in apart
            ],
            **_billing(args.capacity),
            opts=pulumi.ResourceOptions(
                parent=self,
                # Pulumi must ignore differences in these properties: auto scaling changes the table's capacity, and
                # `replicas` also lists the replicas that are separate Pulumi resources.
                ignore_changes=["readCapacity", "writeCapacity", "replicas"] if args.capacity else [],
            ),
        )
        if args.capacity:
            scaled = scale(home, table.name, args.capacity, child)
            for region in apart:
                replica = aws.dynamodb.TableReplica(
                    region,
                    region=region,
                    global_table_arn=table.arn,
                    point_in_time_recovery=True,
                    deletion_protection_enabled=args.protect,
                    kms_key_arn=args.keys.get(region),
                    opts=pulumi.ResourceOptions(parent=self, depends_on=scaled),
                )
                scale(region, table.name, args.capacity, pulumi.ResourceOptions(parent=self, depends_on=[replica]))
        self.region = home
        self.table = table.name
        self.alarms = list(_alarms(table.name, args.regions))
        self.changes = ChangeSource(home, table.name, table.arn, table.stream_arn)
        self.register_outputs({"table": self.table})


def _billing(capacity: Capacity | None) -> Mapping[str, Any]:
    if capacity is None:
        return {"billing_mode": "PAY_PER_REQUEST"}
    return {
        "billing_mode": "PROVISIONED",
        "read_capacity": capacity.reads[0],
        "write_capacity": capacity.writes[0],
    }


# The DynamoDB operations that the registry and the metadata API call. The alarms watch each of these operations,
# because DynamoDB publishes the system errors of a table only by operation.
_OPERATIONS = ("GetItem", "Query", "TransactWriteItems")

# The alarm threshold for replication lag, in milliseconds. A replica is usually less than one second behind (DynamoDB
# Developer Guide, "Global tables"). With a longer lag, revocations of tokens take effect too late in the replica's
# region.
_REPLICATION_LAG_MS = 5_000.0


def _alarms(table: pulumi.Input[str], regions: Sequence[str]) -> Iterator[CloudWatchAlarm]:
    """Yields alarms on errors, throttling and replication lag of the table in each region.

    The DynamoDB Developer Guide describes the metrics and their dimensions in "DynamoDB metrics and dimensions".
    """
    for region in regions:
        for operation in _OPERATIONS:
            yield _alarm(
                f"metadata-{region}-fails-{operation}",
                region,
                f"DynamoDB itself fails to {operation} in {region}",
                "SystemErrors",
                {"TableName": table, "Operation": operation},
                "the-metadata-table-fails",
            )
        for kind in ("Read", "Write"):
            yield _alarm(
                f"metadata-{region}-throttles-{kind.lower()}s",
                region,
                f"The metadata table refuses {kind.lower()}s in {region}: more come than it takes",
                f"{kind}ThrottleEvents",
                {"TableName": table},
                "the-metadata-table-throttles",
            )
    home, *others = regions
    for region in others:
        yield CloudWatchAlarm(
            name=f"metadata-{region}-lags",
            tier="metadata",
            region=home,
            fault=f"Metadata written in {home} reaches {region} late: tokens that were revoked still work there",
            namespace="AWS/DynamoDB",
            metric="ReplicationLatency",
            dimensions={"TableName": table, "ReceivingRegion": region},
            threshold=_REPLICATION_LAG_MS,
            statistic="Average",
            runbook="docs/operations.md#a-metadata-replica-lags",
        )


def _alarm(
    name: str, region: str, fault: str, metric: str, dimensions: Mapping[str, pulumi.Input[str]], heading: str
) -> CloudWatchAlarm:
    return CloudWatchAlarm(
        name=name,
        tier="metadata",
        region=region,
        fault=fault,
        namespace="AWS/DynamoDB",
        metric=metric,
        dimensions=dimensions,
        threshold=0,
        statistic="Sum",
        runbook=f"docs/operations.md#{heading}",
    )
