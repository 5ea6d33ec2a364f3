"""The metadata of all packages, versions, tags, tokens and grants; writable wherever a replica stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import pulumi

from infra.observability import HasAlarms

PARTITION_KEY = "pk"
SORT_KEY = "sk"
EXPIRES = "expires"
"""The attribute that holds when an item may be forgotten: seconds since 1970 (UTC)."""


@dataclass(frozen=True)
class Capacity:
    """Bounds of what is provisioned, in units a second (a read of 4 KB, a write of 1 KB); between them it follows what
    is used, so that `target` percent of it are."""

    reads: tuple[int, int]
    writes: tuple[int, int]
    target: int


@dataclass(frozen=True)
class MetadataArgs:
    """`regions` are where replicas stand, the home region first. `protect` has the cloud itself refuse deletion.

    For DynamoDB: `keys` are ARNs of KMS keys by region (none: the key that AWS manages), `capacity` is None on demand.
    For Spanner: `processing_units`, of which 1,000 are a node; `operators` are IAM members who read and write.
    """

    prefix: str
    regions: Sequence[str]
    protect: bool
    keys: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])
    capacity: Capacity | None = None
    processing_units: int = 100
    operators: Sequence[str] = ()


@dataclass(frozen=True)
class ChangeSource:
    """A table in its home region, where all is written: reads there see all, and its stream tells of all changes."""

    region: str
    table: pulumi.Input[str]
    table_arn: pulumi.Input[str]
    stream_arn: pulumi.Input[str]


@dataclass(frozen=True)
class SpannerChanges:
    """A database on Spanner and its change stream. `database` is its full name, `projects/…/instances/…/databases/…`,
    of which `instance` and `name` are parts. `region` is where its writes are decided on."""

    region: str
    instance: pulumi.Input[str]
    name: pulumi.Input[str]
    database: pulumi.Input[str]
    stream: str


class Metadata(HasAlarms, Protocol):
    """What either backend's database gives to the registry and to the tiers that follow its changes.

    `table` is the backend's name for the table. `project` is Google Cloud's, and None on AWS.
    """

    @property
    def backend(self) -> Literal["dynamodb", "spanner"]: ...

    @property
    def region(self) -> str: ...

    @property
    def table(self) -> pulumi.Output[str]: ...

    @property
    def project(self) -> pulumi.Output[str] | None: ...

    @property
    def changes(self) -> ChangeSource | SpannerChanges: ...
