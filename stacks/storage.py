"""Creates the origin of a stack: encryption keys, object storage and the metadata database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.blobs import BlobsArgs, Bucket, Lock, StandbyArgs
from infra.blobs.gcs import GcsBlobs, gcs_location
from infra.blobs.s3 import S3Blobs
from infra.blobs.storage_transfer import Standby
from infra.keys import AwsKeysArgs, GcpKeysArgs
from infra.keys.aws import AwsKeys
from infra.keys.gcp import GcpKeys
from infra.metadata import Capacity, Metadata, MetadataArgs
from infra.metadata.dynamodb import DynamoDbMetadata
from infra.metadata.spanner import SpannerMetadata
from infra.observability import CloudMonitoringAlarm, CloudWatchAlarm
from stacks.config import Stack
from stacks.config.bucket_names import standby_prefix
from stacks.identities import Identities

BLOBS = {"s3": S3Blobs, "gcs": GcsBlobs}
METADATA = {"dynamodb": DynamoDbMetadata, "spanner": SpannerMetadata}


@dataclass(frozen=True)
class StandbyCopy:
    """The standby bucket on Google Cloud, with a copy of all objects, and the hourly transfer that keeps it
    up to date.
    """

    blobs: GcsBlobs
    transfer: Standby


@dataclass(frozen=True)
class Objects:
    """The object storage of a stack. `keys` maps the region of a bucket to the encryption key of the bucket. The key is
    given as its ARN on AWS, and as its name on Google Cloud.
    """

    blobs: S3Blobs | GcsBlobs
    keys: Mapping[str, pulumi.Input[str]]
    standby: StandbyCopy | None

    @property
    def primary(self) -> Bucket:
        return self.blobs.buckets[0]

    @property
    def alarms(self) -> Sequence[CloudWatchAlarm | CloudMonitoringAlarm]:
        standby = [*self.standby.blobs.alarms, *self.standby.transfer.alarms] if self.standby else []
        return [*self.blobs.alarms, *standby]


def create_aws_keys(stack: Stack, readers: Sequence[pulumi.Input[str]]) -> AwsKeys | None:
    """Creates the KMS key that encrypts data on AWS, or returns None if the stack keeps no data on AWS.

    The primary key can never move to another region, but the config can name other data regions later. The primary key
    is therefore always in the home region. Each other region with data has a replica. `readers` are ARNs of roles that
    decrypt objects.
    """
    data_regions = stack.config.regions_kept_by("aws")
    if not data_regions:
        return None
    regions = list(dict.fromkeys([stack.home_region, *data_regions]))
    return AwsKeys("keys", AwsKeysArgs(stack.prefix, regions, readers, stack.kms_deletion_window_days))


def create_objects(stack: Stack, identities: Identities, aws_keys: AwsKeys | None) -> Objects:
    """Creates the buckets from which the shields (regional caches) read. Also creates the standby bucket on Google
    Cloud if the config names regions for it.
    """
    config = stack.config.blobs
    gcp_reader = [identities.gcp.member] if identities.gcp else []
    keys = _object_keys(stack, aws_keys)
    args = BlobsArgs(
        prefix=stack.bucket_prefix,
        regions=config.regions,
        readers=[identities.aws.role_arn] if config.store == "s3" else gcp_reader,
        keys=keys,
        noncurrent_days=config.noncurrent_days,
        lock=None if config.lock == "none" else Lock(config.lock, config.lock_days),
        log_days=config.access_log_days,
        removable=not stack.config.protect,
    )
    blobs = BLOBS[config.store]("blobs", args)
    primary = blobs.buckets[0]
    standby = _create_standby(stack, primary, keys[primary.region], gcp_reader) if config.standby else None
    return Objects(blobs, keys, standby)


def create_metadata(stack: Stack, aws_keys: AwsKeys | None) -> Metadata:
    """Creates the metadata database on DynamoDB or Spanner, as the config says."""
    config = stack.config.metadata
    scaling = config.scaling
    reads, writes = (scaling.reads_from, scaling.reads_to), (scaling.writes_from, scaling.writes_to)
    args = MetadataArgs(
        prefix=stack.prefix,
        regions=config.regions,
        protect=stack.config.protect,
        keys=aws_keys.arns if aws_keys else {},
        capacity=Capacity(reads, writes, scaling.target) if config.capacity == "provisioned" else None,
        processing_units=config.processing_units,
        operators=config.operators,
    )
    return METADATA[config.store]("metadata", args)


def _object_keys(stack: Stack, aws_keys: AwsKeys | None) -> Mapping[str, pulumi.Input[str]]:
    config = stack.config.blobs
    if config.store == "gcs":
        gcp_key = GcpKeys("keys-gcp", GcpKeysArgs(stack.prefix, gcs_location(config.regions)))
        return {config.regions[0]: gcp_key.usable}
    return aws_keys.arns if aws_keys else {}


def _create_standby(
    stack: Stack, primary: Bucket, primary_key: pulumi.Input[str], readers: Sequence[pulumi.Input[str]]
) -> StandbyCopy:
    config = stack.config.blobs
    key = GcpKeys("keys-standby", GcpKeysArgs(f"{stack.prefix}-standby", gcs_location(config.standby)))
    args = BlobsArgs(
        prefix=standby_prefix(stack.bucket_prefix),
        regions=config.standby,
        readers=readers,
        keys={config.standby[0]: key.usable},
        noncurrent_days=config.noncurrent_days,
        lock=None,
        log_days=config.access_log_days,
        removable=not stack.config.protect,
    )
    blobs = GcsBlobs("standby", args)
    transfer = StandbyArgs(stack.prefix, primary, primary_key, blobs.made, key.project)
    return StandbyCopy(blobs, Standby("standby-transfer", transfer))
