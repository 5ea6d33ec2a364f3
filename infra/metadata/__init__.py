"""The metadata of all packages, versions, tags, tokens and grants; writable wherever a replica stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pulumi

from infra.observability import Alarm

PARTITION_KEY = "pk"
SORT_KEY = "sk"
EXPIRES = "expires"
"""The attribute that holds when an item may be forgotten: seconds since 1970 (UTC)."""


@dataclass(frozen=True)
class MetadataArgs:
    """`regions` are where replicas stand, the home region first. `protect` has the cloud itself refuse deletion."""

    prefix: str
    regions: Sequence[str]
    protect: bool


@dataclass(frozen=True)
class ChangeSource:
    """A table in its home region, where all is written: reads there see all, and its stream tells of all changes."""

    region: str
    table: pulumi.Input[str]
    table_arn: pulumi.Input[str]
    stream_arn: pulumi.Input[str]


class Metadata(Protocol):
    """Where the registry finds the database, whichever it is. `table` is how its backend names it. `changes` is what
    carries tokens to the edge; None where nothing follows the database's changes."""

    backend: Literal["dynamodb", "spanner"]
    region: str
    table: pulumi.Output[str]
    alarms: Sequence[Alarm]
    changes: ChangeSource | None
