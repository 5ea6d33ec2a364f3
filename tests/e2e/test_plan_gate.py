"""Tests the plan gate, which checks a Pulumi plan before `pulumi up`. The plans come from the real Pulumi engine. The
gate refuses some plans, and splits a refused plan into stages that can be applied one after the other.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator

import pytest

from gates.limits import Limits
from gates.plan import Plan, read_plan
from gates.rules import judge
from gates.stages import split
from previews.temporary_sandbox import TemporarySandbox
from tests.support import plans_of_changes as changes
from tests.support.sandbox.serving_reports import machines_report

pytestmark = pytest.mark.plans

TODAY = datetime.date(2026, 11, 25)
# With these limits, the plan gate (a check before `pulumi up`) permits plans that move half of the clients, that is,
# one of two regions. It also permits plans that replace the only machine in Europe.
LIMITS = Limits(sole_nodes=True, traffic=0.5)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[TemporarySandbox]:
    with (
        changes.deployed() as sandbox,
        machines_report(sandbox.clouds.aws_url, changes.STACK, ("us-east-1", "eu-west-1")),
    ):
        yield sandbox


def rules_broken(plan: Plan, limits: Limits) -> set[str]:
    return {refusal.rule for refusal in judge(plan, limits, TODAY)}


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("nothing", set[str]()),
        ("one_shield_removed", set[str]()),
        ("no_shields_in_europe", {"last-of-region"}),
        ("bigger_machines", {"rotation"}),
        ("another_domain_and_certificate", {"certificate-and-dns", "stores-stay", "traffic"}),
    ],
)
def test_the_gate_reports_the_findings_of_a_change(sandbox: TemporarySandbox, change: str, broken: set[str]) -> None:
    assert rules_broken(read_plan(changes.plan_of(sandbox, change)), LIMITS) == broken


@pytest.mark.nightly
@pytest.mark.parametrize("change", ["bigger_machines", "no_shields_in_europe"])
def test_each_suggested_apply_is_accepted_and_together_they_are_complete(
    sandbox: TemporarySandbox, change: str
) -> None:
    stages = split(read_plan(changes.plan_of(sandbox, change)), LIMITS, TODAY)
    assert len(stages) > 1
    changes.apply_to_config(sandbox, changes.CHANGES[change])
    for stage in stages:
        targets = [option for urn in stage.urns for option in ("--target", urn)]
        preview = sandbox.pulumi("preview", "--json", "--show-sames", "--stack", changes.STACK, *targets)
        assert preview.returncode == 0, preview.stdout
        applied = sandbox.pulumi("up", "--yes", "--skip-preview", "--stack", changes.STACK, *targets)
        assert applied.returncode == 0, applied.stdout + applied.stderr
        assert rules_broken(read_plan(json.loads(preview.stdout)), LIMITS) == set(), stage
    rest = sandbox.pulumi("preview", "--expect-no-changes", "--stack", changes.STACK)
    assert rest.returncode == 0, rest.stdout
