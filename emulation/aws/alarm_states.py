"""Decides whether a metric alarm is in the ALARM state, from the values of its last periods.

Source: CloudWatch User Guide, "Evaluating an alarm" and "Configuring how CloudWatch alarms treat missing data".
CloudWatch retrieves more periods than the alarm evaluates, so that later values can bridge a gap. It applies the
setting for missing data only to the gaps that remain.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

# Periods that are retrieved beyond those that the alarm evaluates; the guide's examples retrieve as many.
_EXTRA_PERIODS = 2

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True)
class Rule:
    """An alarm's rule: `datapoints` of the last `periods` periods must breach the threshold. `missing` is CloudWatch's
    setting for missing data, for example "notBreaching"."""

    periods: int
    datapoints: int
    comparison: str
    threshold: float
    missing: str

    @property
    def evaluation_range(self) -> int:
        return self.periods + _EXTRA_PERIODS

    def state(self, values: Sequence[float | None], before: State) -> State:
        """Returns the alarm's new state from its state `before`. `values` belong to the last `evaluation_range`
        periods, the newest first. None means no data."""
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
            return "OK"  # no value in the gaps could change this result
        if self.missing == "ignore":
            return before
        if not bad:
            return "INSUFFICIENT_DATA"
        oldest = max(place for place, value in enumerate(values) if value is not None)
        return "ALARM" if all(bad) and oldest + 1 >= self.datapoints else "OK"
