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


class Metadata(Protocol):
    """Where the registry finds the database, whichever it is. `table` is how its backend names it."""

    backend: Literal["dynamodb", "spanner"]
    region: str
    table: pulumi.Output[str]
    alarms: Sequence[Alarm]
