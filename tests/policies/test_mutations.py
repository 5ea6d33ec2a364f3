"""Every resource of prod, broken in every way that a policy forbids, is caught by that policy."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.policies.graph import graph
from tests.policies.mutations import Outcome, run, unbroken, ungoverned
from tests.policies.mutations.catalog import MUTATIONS, UNREAD
from tests.policies.mutations.changes import put
from tests.policies.mutations.machines import Mutation
from tests.policies.resources import NAMES, findings, settings
from tests.unit.harness import Registered
from tests.unit.test_stacks import ON_GOOGLE, first_up

ABOUT_EXCEPTIONS = ("exceptions-sound", "exceptions-reported")
"""No resource breaks them: tests/policies/test_exceptions.py."""


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Sequence[Registered]]:
    """Prod, and prod on Google Cloud alone: together they have every type that the program makes."""
    return [first_up("prod", changes, tmp_path_factory.mktemp("up")).resources for changes in ({}, ON_GOOGLE)]


@pytest.fixture(scope="module")
def outcomes(stacks: Sequence[Sequence[Registered]]) -> Sequence[Outcome]:
    return [outcome for stack in stacks for outcome in run(stack, MUTATIONS, settings("prod"))]


def test_everything_broken_is_caught(outcomes: Sequence[Outcome]) -> None:
    missed = [f"{each.mutation.policy}, {each.mutation.how}: {each.resource}" for each in outcomes if not each.said]
    assert missed == []


def test_every_policy_has_something_to_catch(outcomes: Sequence[Outcome]) -> None:
    assert {each.mutation.policy for each in outcomes} == set(NAMES) - set(ABOUT_EXCEPTIONS)


def test_every_type_that_a_policy_governs_is_broken(stacks: Sequence[Sequence[Registered]]) -> None:
    left = {pair for stack in stacks for pair in unbroken(stack, MUTATIONS)}
    assert left == set()


def test_types_that_no_policy_reads_are_listed_with_the_reason(stacks: Sequence[Sequence[Registered]]) -> None:
    unread = {token for stack in stacks for token in ungoverned(stack, MUTATIONS)}
    assert unread == UNREAD.keys()


def test_a_mutation_that_breaks_nothing_is_not_taken_for_caught(stacks: Sequence[Sequence[Registered]]) -> None:
    harmless = Mutation("volume-encrypted", ["aws:ec2/instance:Instance"], "another name", put("tags.Name", "x"))
    outcomes = list(run(stacks[0], [harmless], {}))
    assert len(outcomes) == 10
    assert not any(each.said for each in outcomes)


def test_the_stack_that_is_broken_was_whole(stacks: Sequence[Sequence[Registered]]) -> None:
    """On one cloud alone some policies do not hold, which is why it is not one of our environments."""
    given = settings("prod")
    found = {name for name in NAMES if findings(name, graph(stacks[0]), given.get(name))}
    assert found == set()
