"""Compares the variants of an A/B experiment at the edge, based on the requests of the clients of each variant.

The requests of one client resemble each other, so they are not independent samples. To compute the confidence
intervals, scipy therefore draws random clients instead of random requests (a cluster bootstrap).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from registry.edge_policy.experiment_log import Request

Numbers = npt.NDArray[np.float64]
# Settings of the statistical bootstrap, which computes the confidence intervals. They are the number of random samples
# of clients, and the seed of the random numbers. With a fixed seed, the same logs always give the same report.
_DRAWS, _SEED = 1_000, 20_261_127
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A measured value of an experiment's variant, such as its hit ratio, with the bounds of its confidence interval.

    With fewer than two clients, there is no confidence interval.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Measured:
    """The measured values of one variant of an experiment. `measures` maps the name of each value to its estimate.
    `differences` maps the same names to the difference from the control variant.
    """

    variant: str
    clients: int
    requests: int
    size: int
    measures: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]


def compare(requests: Iterable[Request], control: str) -> list[Measured]:
    """Returns the measured values of each variant of an experiment. The control variant comes first. The other variants
    also have the differences from the control variant.
    """
    by_variant: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        by_variant[request.variant].append(request)
    tiers = sorted({request.tier for each in by_variant.values() for request in each if request.tier is not None})
    samples = {variant: _Sample(found) for variant, found in by_variant.items()}
    first = samples[control]
    measures = _measures(tiers)
    return [
        Measured(
            variant,
            sample.clients,
            len(sample.requests),
            int(sum(request.size or 0 for request in sample.requests)),
            {name: _estimate(measure, sample) for name, measure in measures.items()},
            {name: _difference(measure, first, sample) for name, measure in measures.items() if sample is not first},
        )
        for variant, sample in sorted(samples.items(), key=lambda each: (each[0] != control, each[0]))
    ]


def split_probability(measured: Sequence[Measured], weights: Mapping[str, int]) -> float:
    """Returns the p-value of a chi-squared test: does the measured split of clients match the expected split? A small
    value means that a correct assignment is unlikely to cause the measured split. `weights` contains the expected share
    of each variant.
    """
    from scipy import stats  # pyright: ignore[reportMissingTypeStubs]  # imported here, because it takes a second

    total, clients = sum(weights.values()), sum(each.clients for each in measured)
    counts = {each.variant: each.clients for each in measured}
    observed = [counts.get(variant, 0) for variant in weights]
    expected = [clients * weight / total for weight in weights.values()]
    return float(cast(Any, stats).chisquare(observed, expected).pvalue)


class _Sample:
    """The requests of one variant of an experiment, as arrays. The methods compute statistics for one random sample of
    the clients. `weights` contains a number for each client, which says how many times the sample contains the client.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self.requests = requests
        numbers = {subject: number for number, subject in enumerate(sorted({each.subject for each in requests}))}
        self.clients = len(numbers)
        self._client = np.array([numbers[each.subject] for each in requests])
        answered = np.array([each.tier is not None for each in requests])
        times = np.array([each.first_byte for each in requests])[answered]
        order = np.argsort(times, kind="stable")
        self._times, self._time_client = times[order], self._client[answered][order]

    def sums(self, of: Callable[[Request], float]) -> Numbers:
        """For each client, returns the sum of `of(request)` over all requests of the client."""
        values = np.array([of(each) for each in self.requests], dtype=np.float64)
        return np.bincount(self._client, weights=values, minlength=self.clients).astype(np.float64)

    def quantile(self, part: float, weights: Numbers) -> float:
        """Returns a quantile of the times to the first byte, by the nearest-rank method. `part` is the quantile, such
        as 0.95. Uses only answered requests.
        """
        ranks = np.cumsum(weights[self._time_client])
        if not len(ranks) or not ranks[-1]:
            return float("nan")
        return float(self._times[np.searchsorted(ranks, part * ranks[-1])])


# A function that computes a statistic of an experiment for one random sample of the clients. Its argument is an array
# that says how many times the sample contains each client.
_Statistic = Callable[[Numbers], float]
_Measure = Callable[[_Sample], _Statistic]


def _measures(tiers: Sequence[str]) -> dict[str, _Measure]:
    return {
        **{f"answers from {tier}": _share_of(tier) for tier in tiers},
        "errors": _ratio(lambda request: request.status >= 500, lambda request: True),
        "bytes a request": _ratio(lambda request: request.size or 0, lambda request: request.size is not None),
        "first byte p50, ms": _quantile(0.5),
        "first byte p95, ms": _quantile(0.95),
    }


def _share_of(tier: str) -> _Measure:
    return _ratio(lambda request: request.tier == tier, lambda request: request.tier is not None)


def _quantile(part: float) -> _Measure:
    def of(sample: _Sample) -> _Statistic:
        def quantile(weights: Numbers) -> float:
            return sample.quantile(part, weights)

        return quantile

    return of


def _ratio(numerator: Callable[[Request], float], denominator: Callable[[Request], float]) -> _Measure:
    def of(sample: _Sample) -> _Statistic:
        upper, lower = sample.sums(numerator), sample.sums(denominator)

        def ratio(weights: Numbers) -> float:
            below = float(weights @ lower)
            return float(weights @ upper) / below if below else float("nan")

        return ratio

    return of


def _estimate(measure: _Measure, sample: _Sample) -> Estimate:
    return _bootstrapped(measure(sample), sample)


def _difference(measure: _Measure, control: _Sample, sample: _Sample) -> Estimate:
    there, here = measure(control), measure(sample)

    def difference(before: Numbers, after: Numbers) -> float:
        return here(after) - there(before)

    return _bootstrapped(difference, control, sample)


def _bootstrapped(statistic: Callable[..., float], *samples: _Sample) -> Estimate:
    """Returns a statistic of one or two samples with its confidence interval. A bootstrap computes the interval. It
    draws random clients from each sample, with replacement, and computes the statistic again for each draw.
    """
    from scipy import stats  # pyright: ignore[reportMissingTypeStubs]  # imported here, because it takes a second

    sizes = [sample.clients for sample in samples]
    value = statistic(*(np.ones(size) for size in sizes))
    if min(sizes) < 2 or np.isnan(value):
        return Estimate(value)

    def drawn(*indices: npt.NDArray[np.int64]) -> float:
        pairs = zip(indices, sizes, strict=True)
        return statistic(*(np.bincount(each, minlength=size).astype(np.float64) for each, size in pairs))

    found = cast(Any, stats).bootstrap(
        [np.arange(size) for size in sizes],
        drawn,
        vectorized=False,
        n_resamples=_DRAWS,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    )
    low, high = found.confidence_interval
    return Estimate(value, float(low), float(high))
