"""The price table: `prices.toml`, checked when it is read."""

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
    """Something has no price in the table. One line for each; `missing` holds them."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__("\n".join(f"{what}: no price; add it to costs/prices.toml" for what in missing))
        self.missing = missing


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Machine(_Table):
    """On-demand price of a family, in US dollars an hour for one `unit` of it, by region; sizes are multiples."""

    unit: str
    regions: Mapping[str, float]


class Prices(_Table):
    """All prices, in US dollars. `dated` is when the table was put together, `sources` from where. `metered` types cost
    by use, and say how much; `free` ones cost nothing."""

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
    """The table in the file."""
    document: dict[str, Any] = tomllib.loads(file.read_text())
    return Prices.model_validate(document)
