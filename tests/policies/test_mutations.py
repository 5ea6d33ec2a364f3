"""Tests that the policies report every forbidden change to a resource of prod."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence

import pytest

from policies.reference import HEADING, PAGE
from tests.policies.graph import graph
from tests.policies.mutations import Mutation, Outcome, run, unbroken, ungoverned
from tests.policies.mutations.__main__ import SECTION, page, report
from tests.policies.mutations.catalog import MUTATIONS, UNREAD
from tests.policies.mutations.changes import put
from tests.policies.mutations.stacks import PolicyStack, policy_stacks
from tests.policies.resources import NAMES, findings

# Two policies that check the files with exemptions, and not the resources. No mutation (a deliberate fault in a
# resource) can violate them, so tests/policies/test_exemptions.py tests them.
ABOUT_EXEMPTIONS = ("stack-exemptions-valid", "stack-exemptions-reported")


@pytest.fixture(scope="module")
def stacks() -> Sequence[PolicyStack]:
    return policy_stacks()


@pytest.fixture(scope="module")
def outcomes(stacks: Sequence[PolicyStack]) -> Sequence[Outcome]:
    return [outcome for stack in stacks for outcome in stack.broken()]


def test_the_unchanged_stacks_have_no_findings(stacks: Sequence[PolicyStack]) -> None:
    for stack in stacks:
        resources = graph(stack.resources)
        reported = {name: findings(name, resources, stack.settings.get(name)) for name in NAMES}
        assert {name: found for name, found in reported.items() if found} == {}, stack.title


def test_every_mutation_is_reported(outcomes: Sequence[Outcome]) -> None:
    missed = [f"{each.mutation.policy}, {each.mutation.how}: {each.resource}" for each in outcomes if not each.reported]
    assert missed == [], missed


def test_every_policy_has_a_mutation(outcomes: Sequence[Outcome]) -> None:
    assert {each.mutation.policy for each in outcomes} == set(NAMES) - set(ABOUT_EXEMPTIONS)


def test_the_page_has_the_figures_of_this_run(stacks: Sequence[PolicyStack], outcomes: Sequence[Outcome]) -> None:
    lines = list(report(stacks, outcomes))
    written = PAGE.read_text()
    assert page(written, lines) == written, "run `python -m tests.policies.mutations --write`"


def test_the_columns_of_the_page_add_up_to_its_summary() -> None:
    section = PAGE.read_text().split(SECTION)[1].split(HEADING)[0]
    rows = re.findall(r"^\| `.+?` \| `.+?` \| (\d+) \| (\d+) \| (\d+) \|", section, re.MULTILINE)
    mutations, changed, noticed = (sum(int(row[column]) for row in rows) for column in range(3))
    assert f"**{noticed} of {changed} changed resources noticed (100.0%)**, by {mutations}\nmutations" in section


def test_every_policy_of_the_page_is_the_function_that_it_names() -> None:
    table = PAGE.read_text().split(SECTION)[1].split(HEADING)[0]
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)\.(.+?)` \|", table, re.MULTILINE)
    assert {name for name, _, _ in rows} == set(NAMES) - set(ABOUT_EXEMPTIONS)
    for name, module, function in rows:
        assert getattr(importlib.import_module(f"policies.rules.{module}"), function).name == name


def test_every_type_that_a_policy_governs_is_broken(stacks: Sequence[PolicyStack]) -> None:
    assert {pair for stack in stacks for pair in unbroken(stack.resources, MUTATIONS)} == set()


def test_types_that_no_policy_reads_are_listed_with_the_reason(stacks: Sequence[PolicyStack]) -> None:
    unread = {token for stack in stacks for token in ungoverned(stack.resources, MUTATIONS)}
    assert unread == UNREAD.keys()


def test_a_harmless_change_is_not_reported(stacks: Sequence[PolicyStack]) -> None:
    harmless = Mutation(
        "aws-ec2-volume-encrypted", ["aws:ec2/instance:Instance"], "another name", put("tags.Name", "x")
    )
    outcomes = list(run(stacks[0].resources, [harmless], {}))
    assert outcomes
    assert not any(each.reported for each in outcomes)
