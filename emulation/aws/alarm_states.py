"""Whether a metric alarm is in ALARM, from the values of its last periods.

After the CloudWatch User Guide, "Evaluating an alarm" and "Configuring how CloudWatch alarms treat missing data": more
periods are looked at than the alarm has, so that a gap between values is bridged, and only then is a gap filled.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

_FURTHER = 2
"""Periods that are looked at beyond those of the alarm: as many as in the guide's examples."""

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True)
class Rule:
    """`datapoints` of `periods` periods must be bad. `missing` is CloudWatch's word for what no data means."""

    periods: int
    datapoints: int
    comparison: str
    threshold: float
    missing: str

    @property
    def looked_at(self) -> int:
        return self.periods + _FURTHER

    def state(self, values: Sequence[float | None], before: State) -> State:
        """`values` are of the last `looked_at` periods, the newest first; None is no data."""
        compare = COMPARISONS[self.comparison]
        bad = [compare(value, self.threshold) for value in values if value is not None][: self.periods]
        gaps = self.periods - len(bad)
        if gaps <= 0 or self.missing == "notBreaching":
            return "ALARM" if sum(bad) >= self.datapoints else "OK"
        if self.missing == "breaching":
            return "ALARM" if sum(bad) + gaps >= self.datapoints else "OK"
        if sum(bad) >= self.datapoints:
            return "ALARM"
        if bad.count(False) > self.periods - self.datapoints:
            return "OK"  # whatever the gaps hold
        if self.missing == "ignore":
            return before
        if not bad:
            return "INSUFFICIENT_DATA"
        oldest = max(place for place, value in enumerate(values) if value is not None)
        return "ALARM" if all(bad) and oldest + 1 >= self.datapoints else "OK"
