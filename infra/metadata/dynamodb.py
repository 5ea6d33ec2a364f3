"""Metadata in a DynamoDB global table."""

from __future__ import annotations

from typing import Literal

import pulumi
import pulumi_aws as aws

from infra.metadata import EXPIRES, PARTITION_KEY, SORT_KEY, MetadataArgs


class DynamoDbMetadata(pulumi.ComponentResource):
    """One table for everything, with a replica in each further region, a change stream and 35 days of backup."""

    backend: Literal["dynamodb"] = "dynamodb"
    region: str
    table: pulumi.Output[str]

    def __init__(self, name: str, args: MetadataArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:metadata:DynamoDbMetadata", name, None, opts)
        home, *others = args.regions
        table = aws.dynamodb.Table(
            name,
            name=f"{args.prefix}-metadata",
            region=home,
            billing_mode="PAY_PER_REQUEST",
            hash_key=PARTITION_KEY,
            range_key=SORT_KEY,
            attributes=[{"name": PARTITION_KEY, "type": "S"}, {"name": SORT_KEY, "type": "S"}],
            ttl={"attribute_name": EXPIRES, "enabled": True},
            point_in_time_recovery={"enabled": True},
            server_side_encryption={"enabled": True},
            stream_enabled=True,
            stream_view_type="NEW_AND_OLD_IMAGES",
            deletion_protection_enabled=args.protect,
            replicas=[
                {
                    "region_name": region,
                    "point_in_time_recovery": True,
                    "propagate_tags": True,
                    "deletion_protection_enabled": args.protect,
                }
                for region in others
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.region = home
        self.table = table.name
        self.register_outputs({"table": self.table})
