"""Tests when a rollout accepts a new version of the edge worker, and when the rollout rolls the new version back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.verdict import Counts, Rule, Verdict, verdict

RULE = Rule()


def counts(most: int = 5000) -> st.SearchStrategy[Counts]:
    return st.integers(0, most).flatmap(lambda total: st.builds(Counts, st.just(total), st.integers(0, total)))


@given(new=counts(), old=counts(), test=st.integers(1, 300))
def test_a_version_is_worse_only_if_it_fails_more_often_in_enough_requests(new: Counts, old: Counts, test: int) -> None:
    found = verdict(new, old, RULE, test)
    if found is Verdict.WORSE:
        assert new.rate > old.rate + RULE.tolerance
        assert min(new.requests, old.requests) >= RULE.minimum
    if found is Verdict.GOOD:
        assert new.requests >= RULE.enough
    if found is Verdict.UNDECIDED:
        assert new.requests < RULE.enough or old.requests < RULE.minimum


@given(old=counts(), more=st.integers(0, 5000), new=counts(), test=st.integers(1, 300))
def test_fewer_errors_never_make_a_version_worse(old: Counts, more: int, new: Counts, test: int) -> None:
    better = Counts(new.requests, max(0, new.errors - more))
    if verdict(better, old, RULE, test) is Verdict.WORSE:
        assert verdict(new, old, RULE, test) is Verdict.WORSE


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (Counts(99, 99), Counts(900, 0), Verdict.UNDECIDED),  # the new version has had too few requests for a decision
        (Counts(100, 50), Counts(900, 0), Verdict.WORSE),
        (Counts(100, 50), Counts(99, 0), Verdict.UNDECIDED),  # the old version has had too few requests for a decision
        (Counts(100, 1), Counts(900, 0), Verdict.UNDECIDED),  # one error is not enough to blame the new version
        (Counts(1000, 500), Counts(9000, 4500), Verdict.GOOD),  # both versions have the same error rate
        (Counts(1000, 0), Counts(9000, 90), Verdict.GOOD),
        # the error rates differ by less than the tolerance
        (Counts(1_000_000, 1900), Counts(9_000_000, 9900), Verdict.GOOD),
        (Counts(1_000_000, 2200), Counts(9_000_000, 9900), Verdict.WORSE),
    ],
)
def test_known_cases(new: Counts, old: Counts, expected: Verdict) -> None:
    assert verdict(new, old, RULE, 1) is expected


def release(seed: int, new_rate: float, old_rate: float) -> Verdict:
    """Simulates a release and returns the verdict on the new version of the worker. The new version gets 10 % of the
    requests. A statistical test runs after each hundred requests to the new version, until a test decides whether the
    new version is worse than the old one.
    """
    for test, (new, old) in enumerate(_growing(seed, new_rate, old_rate), 1):
        found = verdict(new, old, RULE, test)
        if found is not Verdict.UNDECIDED:
            return found
    return Verdict.UNDECIDED


def _growing(seed: int, new_rate: float, old_rate: float) -> Iterator[tuple[Counts, Counts]]:
    random = numpy.random.default_rng(seed)
    new_errors = old_errors = 0
    for step in range(1, 11):
        new_errors += int(random.binomial(100, new_rate))
        old_errors += int(random.binomial(900, old_rate))
        yield Counts(100 * step, new_errors), Counts(900 * step, old_errors)


@pytest.mark.parametrize("rate", [0.002, 0.02, 0.2])
def test_repeated_tests_roll_an_equal_version_back_no_more_often_than_the_risk(rate: float) -> None:
    found = [release(seed, rate, rate) for seed in range(400)]
    assert found.count(Verdict.WORSE) <= 0.02 * len(found)
    assert Verdict.UNDECIDED not in found


@pytest.mark.parametrize(("new", "old"), [(0.05, 0.002), (0.1, 0.02), (0.5, 0.002), (1.0, 0.2)])
def test_a_planted_fault_is_found(new: float, old: float) -> None:
    found = [release(seed, new, old) for seed in range(100)]
    assert found.count(Verdict.WORSE) >= 95
