"""Adds each violation to the stack prod. Tests that the policy pack finds the violation, and that a policy's finding
describes the fault.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.policies.violations import Violation, findings_of
from tests.policies.violations.catalog import NOT_FOUND, VIOLATIONS


@pytest.mark.parametrize("violation", VIOLATIONS, ids=str)
def test_a_violation_of_prod_is_found_by_a_policy_that_names_it(violation: Violation) -> None:
    found = findings_of(violation)
    assert any(violation.says in said for said in found.get(violation.policy, [])), found


@pytest.mark.parametrize("violation", NOT_FOUND, ids=str)
def test_a_violation_that_is_listed_as_missed_has_no_finding(violation: Violation) -> None:
    assert findings_of(violation) == {}, "name the policy that finds the violation, so that the list of misses is true"


def test_every_violation_is_listed_once() -> None:
    repeated = [title for title, count in Counter(map(str, [*VIOLATIONS, *NOT_FOUND])).items() if count > 1]
    assert repeated == []
