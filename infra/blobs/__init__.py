"""The origin of all objects: packages, manifests and the documents that list them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pulumi

from infra.observability import HasAlarms

Store = Literal["s3", "gcs"]


@dataclass(frozen=True)
class Lock:
    """For `days` no version of an object can be deleted: by nobody (`compliance`), or only by those with the right to
    bypass it (`governance`). New versions and delete markers can always be put on top."""

    mode: Literal["governance", "compliance"]
    days: int


@dataclass(frozen=True)
class BlobsArgs:
    """`regions` are where copies are kept, the primary first: the one that is published to.

    `readers` may get and list objects: ARNs of roles on AWS, IAM members on Google Cloud. Nobody else may.
    `keys` holds, by region, the name of the key that encrypts what is kept there: an ARN on AWS, a
    name on Google Cloud.
    `noncurrent_days` is how long an overwritten or deleted object can still be brought back, `lock` for
    how long even its versions cannot be deleted. Access logs are kept for `log_days`. `removable` lets the buckets be
    deleted with objects in them.
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
    """One place to read objects from. All of it is known before anything is provisioned."""

    name: str
    region: str
    host: str
    store: Store = "s3"


class Blobs(HasAlarms, Protocol):
    """What either cloud's object store gives to the tiers that read it; the primary first."""

    buckets: Sequence[Bucket]


@dataclass(frozen=True)
class StandbyArgs:
    """`source` is the primary on S3 and `key` the ARN of what encrypts it; `sink` the bucket on Cloud Storage, in
    `project`."""

    prefix: str
    source: Bucket
    key: pulumi.Input[str]
    sink: pulumi.Input[str]
    project: pulumi.Input[str]
