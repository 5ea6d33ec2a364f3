"""Computes the statistic of a CloudWatch metric for each period from the values that moto stores (CloudWatch,
"Statistics definitions")."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any


@dataclass(frozen=True)
class Total:
    """The sum, count, minimum and maximum of a CloudWatch metric's values in one period."""

    samples: float
    sum: float
    least: float
    most: float


STATISTICS: Mapping[str, Callable[[Total], float]] = {
    "Average": lambda total: total.sum / total.samples,
    "Maximum": lambda total: total.most,
    "Minimum": lambda total: total.least,
    "Sum": lambda total: total.sum,
    "SampleCount": lambda total: total.samples,
}


def values_of(
    data: Sequence[Any], dimensions: Sequence[Any], statistic: str, periods: int, now: float, period: float
) -> list[float | None]:
    """Returns the statistic of a CloudWatch metric for each of the last complete periods, the newest first. None means
    that a period has no data.

    `data` holds all stored values of the metric; the function uses only values with exactly the given dimensions.
    `period` is in seconds, and each period begins at a multiple of `period`.
    """
    wanted = {(each.name, each.value) for each in dimensions}
    newest = int(now // period) - 1
    found: dict[int, list[Total]] = {}
    for datum in data:
        age = newest - int(seconds(datum) // period)
        if 0 <= age < periods and {(each.name, each.value) for each in datum.dimensions} == wanted:
            found.setdefault(age, []).append(_total(datum))
    value = STATISTICS[statistic]
    return [value(_all(found[age])) if age in found else None for age in range(periods)]


def seconds(datum: Any) -> float:
    """Returns the time of a stored metric value, in seconds since 1970. moto stores times in UTC without a time
    zone."""
    return datum.timestamp.replace(tzinfo=datum.timestamp.tzinfo or UTC).timestamp()


def _total(datum: Any) -> Total:
    if hasattr(datum, "value"):
        return Total(1, datum.value, datum.value, datum.value)
    return Total(datum.sample_count, datum.sum, datum.min, datum.max)


def _all(totals: Sequence[Total]) -> Total:
    return Total(
        sum(each.samples for each in totals),
        sum(each.sum for each in totals),
        min(each.least for each in totals),
        max(each.most for each in totals),
    )
