"""Decides the state of an emulated CloudWatch alarm from the values of its metric.

Source: CloudWatch User Guide, "Evaluating an alarm" and "Configuring how CloudWatch alarms treat missing data".
CloudWatch reads more periods than the alarm evaluates. A value from an older period can therefore replace a missing
value. The alarm's setting for missing data applies only to the periods that still have no value.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

# CloudWatch reads this number of older periods in addition to the evaluated periods, as in the examples of the
# CloudWatch User Guide.
_EXTRA_PERIODS = 2

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True)
class Rule:
    """The rule of a CloudWatch alarm: at least `datapoints` of the last `periods` periods must breach the threshold.
    `missing` is CloudWatch's setting for missing data, for example "notBreaching".
    """

    periods: int
    datapoints: int
    comparison: str
    threshold: float
    missing: str

    @property
    def evaluation_range(self) -> int:
        return self.periods + _EXTRA_PERIODS

    def state(self, values: Sequence[float | None], before: State) -> State:
        """Returns the new state of a CloudWatch alarm. `before` is the alarm's current state. `values` holds the
        metric's value in each of the last `evaluation_range` periods, the newest first. None means that the period has
        no data.
        """
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
            # The alarm cannot go off, whatever the missing values are: even if all of them breached the threshold,
            # fewer than `datapoints` values would breach it.
            return "OK"
        if self.missing == "ignore":
            return before
        if not bad:
            return "INSUFFICIENT_DATA"
        oldest = max(place for place, value in enumerate(values) if value is not None)
        return "ALARM" if all(bad) and oldest + 1 >= self.datapoints else "OK"
