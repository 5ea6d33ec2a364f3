"""Object storage on Google Cloud Storage. There is one bucket, whose data is in one region or in two regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_gcp as gcp

from contract.regions import REGIONS
from infra.blobs import BlobsArgs, Bucket, log_bucket_name
from infra.blobs.gcs_alarms import gcs_alarms
from infra.observability import CloudMonitoringAlarm

_ABANDONED_UPLOAD_DAYS = 7
_DAY = 24 * 3600
# The shortest soft-delete duration that Cloud Storage accepts. The duration zero is also accepted, and turns soft
# delete off.
_SOFT_DELETE_SECONDS = 7 * _DAY
_LONGEST_SOFT_DELETE_SECONDS = 90 * _DAY
# Maps a continent to the location code of a bucket that spans two regions of the continent (Cloud Storage, "Bucket
# locations").
DUAL_REGION_AREAS = {"NA": "US", "EU": "EU", "AS": "ASIA"}


# Cloud Storage writes usage logs as a member of this Google group (Cloud Storage, "Usage logs & storage logs")
_LOG_WRITERS = "group:cloud-storage-analytics@google.com"


def gcs_buckets(prefix: str, regions: Sequence[str]) -> list[Bucket]:
    """Returns a list with the only Cloud Storage bucket of the origin.

    The bucket may be in two regions. The first of `regions` is part of the bucket's name, and is the attribute `region`
    of the result.
    """
    name = f"{prefix}-{regions[0]}"
    return [Bucket(name, regions[0], f"{name}.storage.googleapis.com", "gcs")]


def gcs_location(regions: Sequence[str]) -> str:
    """Returns the location of a Cloud Storage bucket. For a bucket in one region, the location is the name of the
    region. For a bucket in two regions, the location is the code of the continent that contains both regions.
    """
    return DUAL_REGION_AREAS[REGIONS[regions[0]].continent] if len(regions) > 1 else regions[0].upper()


class GcsBlobs(pulumi.ComponentResource):
    """A private, versioned bucket with uniform access, soft delete and access logs. The bucket is in one region or in
    two regions.

    A bucket in two regions is a dual-region bucket with turbo replication, which copies each object to the second
    region within 15 minutes. If the stack locks objects, the publisher sets the retention of each immutable object. The
    bucket itself has no retention policy, because a policy would also prevent the replacement of documents that change,
    such as package indexes. Soft delete keeps replaced and deleted documents for a limited time.
    """

    buckets: Sequence[Bucket]
    # The Cloud Storage bucket's name. Resources that use this output wait until the bucket exists.
    made: pulumi.Output[str]
    alarms: Sequence[CloudMonitoringAlarm]

    def __init__(self, name: str, args: BlobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:blobs:GcsBlobs", name, None, opts)
        self._args = args
        self.buckets = gcs_buckets(args.prefix, args.regions)
        (place,) = self.buckets
        key = args.keys.get(place.region)
        bucket = self._bucket(
            place.region,
            place.name,
            versioning={"enabled": True},
            # Object retention can be enabled only when the bucket is created. The bucket then protects only objects for
            # which a publisher sets a retention time.
            enable_object_retention=True,
            soft_delete_policy={"retention_duration_seconds": self._soft_delete_seconds()},
            encryption={"default_kms_key_name": key} if key is not None else None,
            logging={"log_bucket": self._logs(place), "log_object_prefix": place.name},
            lifecycle_rules=[
                {
                    "action": {"type": "AbortIncompleteMultipartUpload"},
                    "condition": {"age": _ABANDONED_UPLOAD_DAYS},
                },
                {
                    "action": {"type": "Delete"},
                    "condition": {"days_since_noncurrent_time": args.noncurrent_days, "with_state": "ARCHIVED"},
                },
            ],
        )
        self.made = bucket.name
        self.alarms = list(gcs_alarms(name, bucket.name, f"the objects of {place.name}", dual=len(args.regions) > 1))
        for number, reader in enumerate(args.readers):
            gcp.storage.BucketIAMMember(
                f"reader-{number}",
                bucket=bucket.name,
                role="roles/storage.objectViewer",  # a member with the role `objectViewer` may get and list objects
                member=reader,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({"buckets": [bucket.name for bucket in self.buckets]})

    def _soft_delete_seconds(self) -> int:
        if self._args.lock is not None:
            return min(max(self._args.lock.days * _DAY, _SOFT_DELETE_SECONDS), _LONGEST_SOFT_DELETE_SECONDS)
        return 0 if self._args.removable else _SOFT_DELETE_SECONDS

    def _logs(self, place: Bucket) -> pulumi.Output[str]:
        """Creates the bucket to which Cloud Storage writes hourly access logs, and returns its name."""
        name = log_bucket_name(self._args.prefix, place.region)
        logs = self._bucket(
            f"{place.region}-logs",
            name,
            versioning={"enabled": True},
            soft_delete_policy={"retention_duration_seconds": 0},
            lifecycle_rules=[
                {"action": {"type": "Delete"}, "condition": {"age": self._args.log_days}},
                {"action": {"type": "Delete"}, "condition": {"days_since_noncurrent_time": 1}},
            ],
        )
        writers = gcp.storage.BucketIAMMember(
            "log-writers",
            bucket=logs.name,
            role="roles/storage.objectCreator",
            member=_LOG_WRITERS,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return pulumi.Output.all(logs.name, writers.id).apply(lambda known: known[0])

    def _bucket(self, title: str, name: str, **settings: Any) -> gcp.storage.Bucket:
        """Creates a Cloud Storage bucket. The bucket for objects and the log bucket share the settings in this
        function.
        """
        regions = self._args.regions
        dual = len(regions) > 1
        return gcp.storage.Bucket(
            title,
            name=name,
            location=gcs_location(regions),
            custom_placement_config={"data_locations": [region.upper() for region in regions]} if dual else None,
            rpo="ASYNC_TURBO" if dual else None,
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            force_destroy=self._args.removable,
            opts=pulumi.ResourceOptions(parent=self),
            **settings,
        )
