"""Keys, copies and the nearness of objects, as a stack's config asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from infra.blobs import BlobsArgs, Bucket
from infra.blobs.gcs import GcsBlobs, gcs_buckets, gcs_location
from infra.blobs.standby import Standby, StandbyArgs
from infra.keys.aws import AwsKeys
from infra.keys.gcp import GcpKeys, GcpKeysArgs
from infra.observability import HasAlarms
from stacks.config import Blobs, Stack


def object_keys(stack: Stack, prefix: str, keys: AwsKeys | None) -> Mapping[str, pulumi.Input[str]]:
    """What encrypts the objects, by the region that they are kept in."""
    blobs = stack.config.blobs
    if blobs.store == "gcs":
        return {blobs.regions[0]: GcpKeys("keys-gcp", GcpKeysArgs(prefix, gcs_location(blobs.regions))).usable}
    return keys.arns if keys else {}


def stand_by(
    stack: Stack,
    prefix: str,
    primary: Bucket,
    keys: Mapping[str, pulumi.Input[str]],
    readers: Sequence[pulumi.Input[str]],
) -> Sequence[HasAlarms]:
    """The copy on Google Cloud, where one is asked for. `readers` are the members of shields that stand there, too."""
    config = stack.config.blobs
    if not config.standby:
        return []
    own = _own(prefix)
    key = GcpKeys("keys-standby", GcpKeysArgs(own, gcs_location(config.standby)))
    copies = GcsBlobs(
        "standby",
        BlobsArgs(
            prefix=own,
            regions=config.standby,
            readers=readers,
            keys={config.standby[0]: key.usable},
            noncurrent_days=config.noncurrent_days,
            lock=None,
            log_days=config.access_log_days,
            removable=not stack.config.protect,
        ),
    )
    args = StandbyArgs(prefix, primary, keys[primary.region], copies.made, key.project)
    return [copies, Standby("standby-transfer", args)]


def bucket_outputs(buckets: Sequence[Bucket], config: Blobs) -> Sequence[Mapping[str, object]]:
    """What the registry is told. On Cloud Storage it sets the lock of each object; S3 does so by itself."""
    lock = {"mode": config.lock, "days": config.lock_days} if config.lock != "none" else None
    return [
        {"region": bucket.region, "name": bucket.name, "store": bucket.store}
        | ({"lock": lock} if lock and bucket.store == "gcs" else {})
        for bucket in buckets
    ]


def standby_bucket(prefix: str, regions: Sequence[str]) -> Bucket | None:
    """Returns the standby's bucket, or None where the config names no regions for it."""
    return gcs_buckets(_own(prefix), regions)[0] if regions else None


def _own(prefix: str) -> str:
    """What names of the standby begin with."""
    return f"{prefix}-standby"
