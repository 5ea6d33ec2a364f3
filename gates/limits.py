"""The limits on how much one `pulumi up` may change at once. The plan gate checks these limits in a Pulumi
plan. Each environment can have its own limits.
"""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


class Allowed(BaseModel):
    """An exemption of one resource from the rules of the plan gate, which checks Pulumi plans. The exemption has a
    reason and a last day.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    resource: str = Field(description="the resource as findings name it: the last part of its type, and its name")
    reason: str = Field(min_length=20, description="why the exemption harms no user")
    until: datetime.date = Field(description="the last day on which the exemption applies")


class Limits(BaseModel):
    """The limits of the plan gate, which checks Pulumi plans, read from the file that `--limits` names. If the file
    leaves a limit out, the default in this class applies.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    traffic: float = Field(
        default=0.25, ge=0, le=1, description="largest share of a name's clients that one apply may send elsewhere"
    )
    nodes_of_region: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="largest share of a region's machines that one apply may replace (at least 1)",
    )
    nodes_worldwide: float = Field(
        default=0.5, ge=0, le=1, description="largest share of all machines that one apply may replace (at least 1)"
    )
    sole_nodes: bool = Field(
        default=False, description="whether a region's only machine may be replaced, during which the region is down"
    )
    hostnames: list[str] = Field(
        default_factory=list[str], description="names that clients resolve, besides those that workers and CDNs serve"
    )
    shares: dict[str, Share] = Field(
        default_factory=dict[str, float],
        description="measured shares of clients by `set_identifier` of latency, geolocation and geoproximity records;"
        " else equal",
    )
    allowed: list[Allowed] = Field(default_factory=list[Allowed])

    def allows(self, label: str, today: datetime.date) -> bool:
        return any(one.resource == label and today <= one.until for one in self.allowed)
