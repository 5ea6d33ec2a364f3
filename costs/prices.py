"""Loads the price table `prices.toml` and validates it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

TABLE = Path(__file__).with_name("prices.toml")


class PriceMissing(ValueError):
    """Raised when the price table lacks prices. The message has one line for each missing price. `missing` lists the
    resource types, regions and machine types without a price.
    """

    def __init__(self, missing: list[str]) -> None:
        super().__init__("\n".join(f"{what}: no price; add it to costs/prices.toml" for what in missing))
        self.missing = missing


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Machine(_Table):
    """The on-demand prices of a family of machine types by region, in US dollars an hour. A price is for one `unit`:
    one core, or a machine of the size `xlarge`. The price of a larger machine is a multiple of this price.
    """

    unit: str
    regions: Mapping[str, float]


class Prices(_Table):
    """The price table, in US dollars. `dated` is the date of the table, and `sources` says where its prices come from.
    `metered` maps resource types that are charged by use to a description of their price. Resource types in `free` cost
    nothing.
    """

    dated: date
    sources: Mapping[str, str]
    hours: float = Field(description="of a month")
    ec2: Mapping[str, Machine]
    gce: Mapping[str, Machine]
    units: Mapping[str, float]
    monthly: Mapping[str, float]
    hourly: Mapping[str, float]
    metered: Mapping[str, str]
    free: frozenset[str]


@cache
def load(file: Path = TABLE) -> Prices:
    """Returns the price table in the file. Raises pydantic's ValidationError if the table is not valid."""
    document: dict[str, Any] = tomllib.loads(file.read_text())
    return Prices.model_validate(document)
