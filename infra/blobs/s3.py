"""Object storage on S3: a bucket in each origin region, and replication from the primary bucket to all others."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.blobs import BlobsArgs, Bucket
from infra.blobs.s3_alarms import REPLICATION_MINUTES, s3_alarms
from infra.blobs.s3_policies import replication
from infra.blobs.s3_store import Store
from infra.exclusive import keep_only
from infra.iam import assumed_by_service, document
from infra.observability import CloudWatchAlarm


def s3_buckets(prefix: str, regions: Sequence[str]) -> list[Bucket]:
    """Returns the S3 buckets of the origin, one for each region, with their virtual-hosted endpoints.

    Source: S3 User Guide, "Virtual hosting".
    """
    return [Bucket(f"{prefix}-{region}", region, f"{prefix}-{region}.s3.{region}.amazonaws.com") for region in regions]


class S3Blobs(pulumi.ComponentResource):
    """The origin's S3 buckets: versioned, encrypted, logged and private. S3 replicates objects and deletions from the
    first bucket to the other buckets.
    """

    buckets: Sequence[Bucket]
    alarms: Sequence[CloudWatchAlarm]

    def __init__(self, name: str, args: BlobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:blobs:S3Blobs", name, None, opts)
        self.buckets = s3_buckets(args.prefix, args.regions)
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        stores = [Store(bucket, account, args, self) for bucket in self.buckets]
        if len(stores) > 1:
            _replicate(f"{args.prefix}-replication", stores[0], stores[1:], self)
        self.alarms = list(s3_alarms(self.buckets))
        self.register_outputs({"buckets": [bucket.name for bucket in self.buckets]})


def _replicate(name: str, primary: Store, replicas: Sequence[Store], parent: pulumi.Resource) -> None:
    child = pulumi.ResourceOptions(parent=parent)
    role = aws.iam.Role(
        "replication",
        name=name,
        description="S3 copies published objects to the other origin regions",
        assume_role_policy=document(assumed_by_service("s3.amazonaws.com")),
        opts=child,
    )
    places = [primary.place, *(replica.place for replica in replicas)]
    policy = aws.iam.RolePolicy(
        "replication",
        name="replicate",
        role=role.name,
        policy=pulumi.Output.all(primary.key, *(replica.key for replica in replicas)).apply(
            lambda keys: document(*replication(places, keys))
        ),
        opts=child,
    )
    keep_only("replication", role.name, [policy.name], parent)
    aws.s3.BucketReplicationConfig(
        "replication",
        bucket=primary.bucket.bucket,
        region=primary.place.region,
        role=role.arn,
        rules=[
            {
                "id": replica.place.region,
                "status": "Enabled",
                "priority": priority,
                "filter": {"prefix": ""},
                "delete_marker_replication": {"status": "Enabled"},
                "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
                "destination": {
                    "bucket": replica.bucket.arn,
                    "encryption_configuration": {"replica_kms_key_id": replica.key},
                    "replication_time": {"status": "Enabled", "time": {"minutes": REPLICATION_MINUTES}},
                    "metrics": {"status": "Enabled", "event_threshold": {"minutes": REPLICATION_MINUTES}},
                },
            }
            for priority, replica in enumerate(replicas, start=1)
        ],
        # S3 accepts replication rules only after all buckets have versioning and Object Lock, and the role has its
        # policy.
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=[policy, *primary.ready, *(each for replica in replicas for each in replica.ready)],
        ),
    )
