"""Objects on Google Cloud Storage: one bucket, which Google itself keeps in one region or in two."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp

from infra.blobs import BlobsArgs, Bucket
from infra.observability import Alarm
from infra.regions import REGIONS

_ABANDONED_UPLOAD_DAYS = 7
_SOFT_DELETE_SECONDS = 7 * 24 * 3600  # the shortest that Cloud Storage offers besides none, and its default
DUAL_REGION_AREAS = {"NA": "US", "EU": "EU", "AS": "ASIA"}
"""Cloud Storage's codes of the areas that have dual-regions, by continent (Cloud Storage, "Bucket locations")."""


def gcs_buckets(prefix: str, regions: Sequence[str]) -> list[Bucket]:
    """The bucket that GcsBlobs makes. A dual-region is one bucket with one name; its first region stands for it."""
    name = f"{prefix}-{regions[0]}"
    return [Bucket(name, regions[0], f"{name}.storage.googleapis.com")]


class GcsBlobs(pulumi.ComponentResource):
    """A versioned bucket, never public, with uniform access and soft delete; in two regions if two are given.

    Two regions make a dual-region with turbo replication: a copy in the other region within 15 minutes.
    """

    buckets: Sequence[Bucket]
    alarms: Sequence[Alarm] = ()  # Google publishes nothing to CloudWatch

    def __init__(self, name: str, args: BlobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:blobs:GcsBlobs", name, None, opts)
        self.buckets = gcs_buckets(args.prefix, args.regions)
        dual = len(args.regions) > 1
        bucket = gcp.storage.Bucket(
            args.regions[0],
            name=self.buckets[0].name,
            location=DUAL_REGION_AREAS[REGIONS[args.regions[0]].continent] if dual else args.regions[0].upper(),
            custom_placement_config={"data_locations": [region.upper() for region in args.regions]} if dual else None,
            rpo="ASYNC_TURBO" if dual else None,
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            versioning={"enabled": True},
            soft_delete_policy={"retention_duration_seconds": 0 if args.removable else _SOFT_DELETE_SECONDS},
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
            force_destroy=args.removable,
            opts=pulumi.ResourceOptions(parent=self),
        )
        for number, reader in enumerate(args.readers):
            gcp.storage.BucketIAMMember(
                f"reader-{number}",
                bucket=bucket.name,
                role="roles/storage.objectViewer",  # get and list
                member=reader,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({"buckets": [bucket.name for bucket in self.buckets]})
