"""Decides whether a new version of the edge worker fails more often than the old one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from scipy import stats  # pyright: ignore[reportMissingTypeStubs]


@dataclass(frozen=True)
class Counts:
    """The number of requests that a version of the edge worker answered since its deployment, and the number of these
    requests that failed.
    """

    requests: int
    errors: int

    @property
    def rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class Rule:
    """The limits by which a new version of the edge worker is judged good or worse than the old version.

    A statistical test compares the error rates of the two versions. The first test takes place when each version has
    answered `minimum` requests. The new version is good if it has answered `enough` requests and no test has found it
    worse. The new version is never worse if its error rate exceeds the old version's error rate by at most `tolerance`.

    A test can find a new version worse by chance, although it fails as often as the old version. The version is then
    rolled back without need. `risk` is the maximum probability of such a rollback in one deployment.
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
    """Compares the error rates of two versions of the edge worker by a one-sided Fisher's exact test.

    `test` is the number of this test in the deployment: 1, 2 and so on. The test is repeated while the versions answer
    more requests, and each repetition adds a chance of a wrong rollback. Test number n may therefore use only the
    fraction 1 / (n * (n + 1)) of `rule.risk`. With these fractions, the risks of all tests add up to at most
    `rule.risk`.
    """
    if new.requests < rule.minimum or old.requests < rule.minimum:
        return Verdict.UNDECIDED
    table = [[new.errors, new.requests - new.errors], [old.errors, old.requests - old.errors]]
    probability = float(cast(Any, stats).fisher_exact(table, alternative="greater").pvalue)
    if probability < rule.risk / (test * (test + 1)) and new.rate - old.rate > rule.tolerance:
        return Verdict.WORSE
    return Verdict.GOOD if new.requests >= rule.enough else Verdict.UNDECIDED
