"""What is watched: each tier names its alarms, and one component makes them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pulumi

Tier = Literal["network", "blobs", "metadata", "entitlements", "shield", "edge", "dns", "registry"]


@dataclass(frozen=True)
class Alarm:
    """One CloudWatch metric and when it is bad; metric alarms live in the region that the metric is published in.

    `name` is short and unique within the stack, `fault` says in a sentence what is wrong and links no dashboard: that
    is what the person on call reads first. `period` is in seconds; the alarm goes off when `periods` in a row are bad.
    `missing` is what no data means (CloudWatch, "Configuring how CloudWatch alarms treat missing data").
    """

    name: str
    tier: Tier
    region: str
    fault: str
    namespace: str
    metric: str
    dimensions: Mapping[str, pulumi.Input[str]]
    threshold: float
    comparison: Literal["GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"] = (
        "GreaterThanThreshold"
    )
    statistic: Literal["Average", "Maximum", "Minimum", "Sum", "SampleCount"] = "Maximum"
    period: int = 60
    periods: int = 3
    missing: Literal["breaching", "notBreaching", "ignore", "missing"] = "notBreaching"
    runbook: str = "docs/operations.md"


class Watched(Protocol):
    """A tier's component, as far as it is watched."""

    alarms: Sequence[Alarm]
