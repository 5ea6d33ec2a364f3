"""The buckets of the origin, which hold all packages, manifests and lists of packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pulumi

from infra.observability import HasAlarms

Store = Literal["s3", "gcs"]


@dataclass(frozen=True)
class Lock:
    """The object lock. For `days` days after the publication of an object, S3 or Cloud Storage refuses to delete the
    object's versions.

    In mode `compliance`, no principal can delete a version. In mode `governance`, only principals with the permission
    to bypass the lock can delete a version. Principals can add new versions and delete markers in both modes.
    """

    mode: Literal["governance", "compliance"]
    days: int


@dataclass(frozen=True)
class BlobsArgs:
    """Arguments of a component that creates the buckets of the origin.

    The names of the buckets begin with `prefix`. Bucket names are unique in the whole cloud, so no other account may
    already use one of these names. On AWS, each of `regions` has a bucket of its own. The bucket in the first region is
    the primary bucket, to which publishers write. On Google Cloud, there is a single bucket, which is stored in all of
    `regions`. `readers` are the only principals that may get and list objects: role ARNs on AWS, IAM members on Google
    Cloud. `keys` maps a region to the key that encrypts the data of the region's bucket. The key is an ARN on AWS and a
    name on Google Cloud. Operators can restore an overwritten or deleted object for `noncurrent_days` days. `lock` is
    the object lock of published objects. Access logs are kept for `log_days` days. If `removable` is true, Pulumi can
    delete buckets that still contain objects.
    """

    prefix: str
    regions: Sequence[str]
    readers: Sequence[pulumi.Input[str]]
    keys: Mapping[str, pulumi.Input[str]]
    noncurrent_days: int
    lock: Lock | None
    log_days: int
    removable: bool


@dataclass(frozen=True)
class Bucket:
    """A bucket from which shields (regional caches) read objects. All fields are known before Pulumi creates any
    resource.
    """

    name: str
    region: str
    host: str
    store: Store = "s3"


# Shields (regional caches) write their access logs to a log bucket. The keys of these logs begin with this prefix. The
# program `ship-logs` on the shield machines contains the same prefix.
SHIELD_LOGS = "shields/"


def log_bucket_name(prefix: str, region: str) -> str:
    """Returns the name of the bucket that receives the access logs of the origin bucket in `region`."""
    return f"{prefix}-logs-{region}"


class Blobs(HasAlarms, Protocol):
    """The object storage of a stack, on AWS or Google Cloud. The first bucket in `buckets` is the primary bucket."""

    buckets: Sequence[Bucket]


@dataclass(frozen=True)
class StandbyArgs:
    """Arguments of the transfer that copies objects from S3 to the standby bucket on Cloud Storage.

    `source` is the primary bucket on S3, and `key` is the ARN of its encryption key. `sink` is the name of the standby
    bucket, and `project` the Google Cloud project that contains the bucket.
    """

    prefix: str
    source: Bucket
    key: pulumi.Input[str]
    sink: pulumi.Input[str]
    project: pulumi.Input[str]
