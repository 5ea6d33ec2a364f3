"""Objects on S3: a bucket in each origin region, and replication from the primary to all others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from infra.blobs import BlobsArgs, Bucket
from infra.blobs.alarms import replication_alarms
from infra.observability import Alarm

_ABANDONED_UPLOAD_DAYS = 7
_REPLICATION_MINUTES = 15  # the only value that S3 Replication Time Control takes (S3 User Guide)


def s3_buckets(prefix: str, regions: Sequence[str]) -> list[Bucket]:
    """The buckets that S3Blobs makes, with their virtual-hosted endpoints (S3 User Guide, "Virtual hosting")."""
    return [Bucket(f"{prefix}-{region}", region, f"{prefix}-{region}.s3.{region}.amazonaws.com") for region in regions]


def arn(bucket: Bucket) -> str:
    """Known from the name alone, so that previews know policies, too."""
    return f"arn:aws:s3:::{bucket.name}"


class S3Blobs(pulumi.ComponentResource):
    """Versioned, encrypted, private buckets, of which the first is copied to the others, deletions included."""

    buckets: Sequence[Bucket]
    alarms: Sequence[Alarm]

    def __init__(self, name: str, args: BlobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:blobs:S3Blobs", name, None, opts)
        self.buckets = s3_buckets(args.prefix, args.regions)
        stores = [_Store(bucket, args, self) for bucket in self.buckets]
        if len(stores) > 1:
            _replicate(f"{args.prefix}-replication", stores[0], stores[1:], self)
        self.alarms = list(replication_alarms(self.buckets))
        self.register_outputs({"buckets": [bucket.name for bucket in self.buckets]})


class _Store:
    """One bucket with all that guards it. S3 wants each setting as a resource of its own."""

    def __init__(self, bucket: Bucket, args: BlobsArgs, parent: pulumi.Resource) -> None:
        self.place = bucket
        self.key = args.keys[bucket.region]
        child = pulumi.ResourceOptions(parent=parent)
        self.bucket = aws.s3.Bucket(
            bucket.region, bucket=bucket.name, region=bucket.region, force_destroy=args.removable, opts=child
        )
        self.versioning = aws.s3.BucketVersioning(
            bucket.region,
            bucket=self.bucket.bucket,
            region=bucket.region,
            versioning_configuration={"status": "Enabled"},
            opts=child,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            bucket.region,
            bucket=self.bucket.bucket,
            region=bucket.region,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": self.key,
                    },
                    "bucket_key_enabled": True,  # one call of KMS a bucket and some minutes, instead of one an object
                }
            ],
            opts=child,
        )
        aws.s3.BucketOwnershipControls(
            bucket.region,
            bucket=self.bucket.bucket,
            region=bucket.region,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=child,
        )
        block = aws.s3.BucketPublicAccessBlock(
            bucket.region,
            bucket=self.bucket.bucket,
            region=bucket.region,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        aws.s3.BucketPolicy(
            bucket.region,
            bucket=self.bucket.bucket,
            region=bucket.region,
            policy=pulumi.Output.all(*args.readers).apply(lambda readers: _access(bucket, readers)),
            # S3 refuses two changes of one bucket's access at the same time (409 OperationAborted).
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[block]),
        )
        aws.s3.BucketLifecycleConfiguration(
            bucket.region,
            bucket=self.bucket.bucket,
            region=bucket.region,
            rules=[
                {
                    "id": "abandoned-uploads",
                    "status": "Enabled",
                    "filter": {},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": _ABANDONED_UPLOAD_DAYS},
                },
                {
                    "id": "noncurrent-versions",
                    "status": "Enabled",
                    "filter": {},
                    "noncurrent_version_expiration": {"noncurrent_days": args.noncurrent_days},
                    "expiration": {"expired_object_delete_marker": True},
                },
            ],
            # Rules about noncurrent versions take effect on a versioned bucket only.
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[self.versioning]),
        )


def _access(bucket: Bucket, readers: Sequence[str]) -> str:
    """Who may read; and refusal of clear text and of TLS below 1.2 (S3 User Guide, "Security best practices").

    Listing is part of reading: S3 answers 404 for a missing key only to those who may list, and 403 to others.
    """
    objects = f"{arn(bucket)}/*"
    statements: list[Mapping[str, object]] = [
        {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn(bucket), objects],
            **refused,
        }
        for sid, refused in {
            "RefusePlainText": {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            "RefuseOldTls": {"Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}},
        }.items()
    ]
    if readers:
        principal = {"AWS": list(readers)}
        statements += [
            {"Sid": "Get", "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": objects},
            {
                "Sid": "List",
                "Effect": "Allow",
                "Principal": principal,
                "Action": "s3:ListBucket",
                "Resource": arn(bucket),
            },
        ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _replicate(name: str, primary: _Store, replicas: Sequence[_Store], parent: pulumi.Resource) -> None:
    child = pulumi.ResourceOptions(parent=parent)
    role = aws.iam.Role(
        "replication",
        name=name,
        description="S3 copies published objects to the other origin regions",
        assume_role_policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ],
            }
        ),
        opts=child,
    )
    policy = aws.iam.RolePolicy(
        "replication",
        name="replicate",
        role=role.name,
        policy=pulumi.Output.all(primary.key, *(replica.key for replica in replicas)).apply(
            lambda keys: _replication_policy([primary.place, *(replica.place for replica in replicas)], keys)
        ),
        opts=child,
    )
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
                    "replication_time": {"status": "Enabled", "time": {"minutes": _REPLICATION_MINUTES}},
                    "metrics": {"status": "Enabled", "event_threshold": {"minutes": _REPLICATION_MINUTES}},
                },
            }
            for priority, replica in enumerate(replicas, start=1)
        ],
        # S3 takes the rules only when both ends are versioned and the role may already do its work.
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=[policy, primary.versioning, *(replica.versioning for replica in replicas)],
        ),
    )


def _replication_policy(places: Sequence[Bucket], keys: Sequence[str]) -> str:
    """What the S3 User Guide asks for under "Setting up permissions for live replication" and, of the keys, under
    "Replicating encrypted objects"; the primary first."""
    source, *destinations = places
    statements = [
        {"Effect": "Allow", "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"], "Resource": arn(source)},
        {
            "Effect": "Allow",
            "Action": [
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
            ],
            "Resource": f"{arn(source)}/*",
        },
        {
            "Effect": "Allow",
            "Action": ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
            "Resource": [f"{arn(destination)}/*" for destination in destinations],
        },
        _key_use("kms:Decrypt", source, keys[0]),
        *(_key_use("kms:Encrypt", place, key) for place, key in zip(destinations, keys[1:], strict=True)),
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _key_use(action: str, place: Bucket, key: str) -> Mapping[str, object]:
    """The right to use a key through S3 for the objects of one bucket, with a bucket key or without."""
    return {
        "Effect": "Allow",
        "Action": action,
        "Resource": key,
        "Condition": {
            "StringEquals": {"kms:ViaService": f"s3.{place.region}.amazonaws.com"},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": [arn(place), f"{arn(place)}/*"]},
        },
    }
