"""The origin of all objects: packages, manifests and the documents that list them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi

from infra.observability import Alarm


@dataclass(frozen=True)
class BlobsArgs:
    """`regions` are where copies are kept, the primary first: the one that is published to.

    `readers` may get and list objects: ARNs of roles on AWS, IAM members on Google Cloud. Nobody else may.
    `keys` holds, by region, the name of the key that encrypts what is kept there: an ARN on AWS.
    `noncurrent_days` is how long an overwritten or deleted object can still be brought back. `removable` lets the
    buckets be deleted with objects in them.
    """

    prefix: str
    regions: Sequence[str]
    readers: Sequence[pulumi.Input[str]]
    keys: Mapping[str, pulumi.Input[str]]
    noncurrent_days: int
    removable: bool


@dataclass(frozen=True)
class Bucket:
    """One place to read objects from. All of it is known before anything is provisioned."""

    name: str
    region: str
    host: str


class Blobs(Protocol):
    """What either cloud's object store gives to the tiers that read it; the primary first."""

    buckets: Sequence[Bucket]
    alarms: Sequence[Alarm]
