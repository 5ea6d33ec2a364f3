"""The database that holds the metadata of all packages, versions, tags, tokens and grants.

Every replica of the database accepts writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import pulumi

from infra.observability import HasAlarms

PARTITION_KEY = "pk"
SORT_KEY = "sk"
# The attribute of a metadata item that holds the item's expiry time, in seconds since 1970 (UTC). DynamoDB may delete
# the item after this time.
EXPIRES = "expires"


@dataclass(frozen=True)
class Capacity:
    """Limits of a DynamoDB table's provisioned capacity, in capacity units per second.

    A read unit is 4 KB, and a write unit is 1 KB. `reads` and `writes` each hold a minimum and a maximum. Auto scaling
    keeps the capacity between these two limits, and adjusts it so that about `target` percent of it is in use.
    """

    reads: tuple[int, int]
    writes: tuple[int, int]
    target: int


@dataclass(frozen=True)
class MetadataArgs:
    """Arguments of a component that creates the metadata database.

    `regions` lists the replicas' regions. The first of them is the home region. If `protect` is true, the cloud refuses
    to delete the database. For DynamoDB, `keys` maps regions to ARNs of KMS keys. A region that is not in `keys` uses
    the key that AWS manages. If `capacity` is None, the DynamoDB table has on-demand billing. For Spanner, 1,000
    `processing_units` are one node. `operators` are the IAM members who may read and write the database.
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
    """A DynamoDB table in its home region, and the stream of its changes.

    All writes of the project go to the table in the home region. Reads in that region therefore see every write, and
    the region's stream has every change.
    """

    region: str
    table: pulumi.Input[str]
    table_arn: pulumi.Input[str]
    stream_arn: pulumi.Input[str]


@dataclass(frozen=True)
class SpannerChanges:
    """A Spanner database and its change stream.

    `database` is the full name, `projects/…/instances/…/databases/…`, of which `instance` and `name` are parts.
    `region` is the region of the default leader, which is the replica that commits writes.
    """

    region: str
    instance: pulumi.Input[str]
    name: pulumi.Input[str]
    database: pulumi.Input[str]
    stream: str


class Metadata(HasAlarms, Protocol):
    """The interface through which the other components of a stack use the metadata database. The components for
    DynamoDB and for Spanner both implement it.

    `table` is the name of the table in the database. `project` is the Google Cloud project, or None if the database is
    on AWS. `changes` describes the database's change stream.
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
