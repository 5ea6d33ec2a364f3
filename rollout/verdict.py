"""Decides whether a new version of the edge worker fails more often than the old one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from scipy import stats  # pyright: ignore[reportMissingTypeStubs]


@dataclass(frozen=True)
class Counts:
    """The requests that a version answered since the deployment, and how many of them failed."""

    requests: int
    errors: int

    @property
    def rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class Rule:
    """When a version is good or worse.

    `minimum` is the number of requests to each version before the first test. `enough` is the number of requests to the
    new version after which it is good, unless it is worse. `risk` is the probability of a rollback of a version that
    fails as often as the old one, over all tests of a deployment. `tolerance` is the difference of error rates that
    never leads to a rollback.
    """

    minimum: int = 100
    enough: int = 1000
    risk: float = 0.01
    tolerance: float = 0.001


class Verdict(Enum):
    UNDECIDED = "undecided"
    GOOD = "good"
    WORSE = "worse"


def verdict(new: Counts, old: Counts, rule: Rule, test: int) -> Verdict:
    """Compares the error rates of two versions by a one-sided Fisher's exact test.

    `test` is the number of this test, from 1 on. Each test gets the part 1 / (n * (n + 1)) of the risk. The parts of
    all tests add up to the risk, so that repeated tests of a growing number of requests do not exceed it.
    """
    if new.requests < rule.minimum or old.requests < rule.minimum:
        return Verdict.UNDECIDED
    table = [[new.errors, new.requests - new.errors], [old.errors, old.requests - old.errors]]
    probability = float(cast(Any, stats).fisher_exact(table, alternative="greater").pvalue)
    if probability < rule.risk / (test * (test + 1)) and new.rate - old.rate > rule.tolerance:
        return Verdict.WORSE
    return Verdict.GOOD if new.requests >= rule.enough else Verdict.UNDECIDED
