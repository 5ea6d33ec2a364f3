"""Tests how the plan gate (a check of plans) splits a plan that it refuses into stages. A stage is one of several runs
of `pulumi up`, which an operator may start one after the other.

The plans come from the real Pulumi engine (tests/support/plans_of_changes.py).
"""

from __future__ import annotations

import datetime
import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gates.__main__ import app
from gates.limits import Limits
from gates.plan import Plan, PlanError, read_plan
from gates.stages import Stage, split
from local.checkout import CHECKOUT
from tests.unit.gates.plans import plan, step, urn

TODAY = datetime.date(2026, 11, 25)
RECORDED = Path(__file__).parent / "recorded"
NODE, BUCKET = "aws:ec2/instance:Instance", "aws:s3/bucket:Bucket"


def recorded(name: str) -> Plan:
    return read_plan(json.loads(gzip.decompress((RECORDED / f"{name}.json.gz").read_bytes())))


def names(stage: Stage, kind: str) -> set[str]:
    return {one.split("::")[-1] for one in stage.urns if one.split("::")[2].endswith(f":{kind}")}


def stage_of(stages: list[Stage], kind: str, name: str) -> int:
    return next(number for number, stage in enumerate(stages) if name in names(stage, kind))


def test_machines_are_replaced_in_waves_each_with_its_address() -> None:
    stages = split(recorded("bigger_machines"), Limits(sole_nodes=True), TODAY)
    assert [names(stage, "Instance") for stage in stages] == [{"us-east-1-0"}, {"eu-west-1-0"}, {"us-east-1-1"}]
    assert all(names(stage, "Eip") == names(stage, "Instance") and not stage.refusals for stage in stages)


def test_clients_leave_a_region_before_its_machines_do() -> None:
    stages = split(recorded("no_shields_in_europe"), Limits(traffic=0.5), TODAY)
    machine = stage_of(stages, "Instance", "eu-west-1-0")
    assert stage_of(stages, "WorkersScript", "edge") < machine
    assert stage_of(stages, "Record", "node-eu-west-1-0") < machine
    assert not any(stage.refusals for stage in stages)


def test_a_certificate_changes_with_its_user_before_the_names() -> None:
    stages = split(recorded("another_domain_and_certificate"), Limits(), TODAY)
    certificate = stage_of(stages, "MtlsCertificate", "shield")
    assert certificate == stage_of(stages, "WorkersScript", "edge")
    assert certificate < stage_of(stages, "Record", "edge-us-east-1")
    assert {refusal.rule for stage in stages for refusal in stage.refusals} == {"stores-stay", "traffic"}


def test_a_resource_is_deleted_no_earlier_than_its_dependents() -> None:
    script, schedule = "cloudflare:index/workersScript:WorkersScript", "cloudflare:index/workersCronTrigger:Cron"
    user = step("delete", schedule, "nightly", depends={"scriptName": [urn(script, "edge")]})
    stages = split(plan(step("delete", script, "edge"), user), Limits(), TODAY)
    assert stage_of(stages, "Cron", "nightly") <= stage_of(stages, "WorkersScript", "edge")


@pytest.mark.parametrize("name", ["nothing", "one_shield_removed"])
def test_the_command_accepts_a_plan_that_breaks_no_rule(name: str, tmp_path: Path) -> None:
    assert command(name, tmp_path) == (0, "")


def test_the_command_refuses_a_plan_and_suggests_a_split(tmp_path: Path) -> None:
    code, output = command("bigger_machines", tmp_path)
    assert code == 1
    assert "rotation: 2 of 2 machines of us-east-1 are replaced at once; the limit is 1" in output
    assert "apply 1 of 3: replace machines, wave 1" in output
    assert (
        f"--target '{urn(NODE, 'us-east-1-0', 'shield').replace('Tier', 'Ec2Shield').replace('prod', 'local')}'"
        in output
    )


def test_the_next_apply_of_a_refused_plan_is_printed_as_options(tmp_path: Path) -> None:
    limits = tmp_path / "limits.yaml"
    limits.write_text("sole_nodes: true\n")
    first, *_ = split(recorded("bigger_machines"), Limits(sole_nodes=True), TODAY)
    options = "".join(f"--target={each}\n" for each in first.urns)
    assert command("bigger_machines", tmp_path, "next", "--limits", str(limits)) == (0, options)


def test_an_accepted_plan_has_no_next_apply(tmp_path: Path) -> None:
    assert command("one_shield_removed", tmp_path, "next") == (0, "")


def test_a_refused_first_apply_is_no_next_apply(tmp_path: Path) -> None:
    code, output = command("another_domain_and_certificate", tmp_path, "next")
    assert code == 1
    assert "error: " in output and "--target" not in output


def test_a_plan_without_unchanged_resources_is_refused() -> None:
    with pytest.raises(PlanError, match="--show-sames"):
        read_plan({"steps": step("same", BUCKET, "eu"), "changeSummary": {"same": 2}})


def test_a_failed_preview_is_no_plan() -> None:
    with pytest.raises(PlanError, match="the preview failed: error: no such region"):
        read_plan({"steps": [], "diagnostics": [{"severity": "error", "message": "error: no such region\n"}]})


def test_recordings_contain_no_machine_data() -> None:
    for file in RECORDED.iterdir():
        text = gzip.decompress(file.read_bytes()).decode()
        assert not any(trace in text for trace in ("stackTrace", "sourcePosition", "PRIVATE KEY", str(CHECKOUT)))


def command(name: str, tmp_path: Path, subcommand: str = "plan", *options: str) -> tuple[int, str]:
    """Runs a command of `python -m gates`, which checks Pulumi plans, on a recorded plan. Returns the command's exit
    code and output.
    """
    file = tmp_path / "plan.json"
    file.write_bytes(gzip.decompress((RECORDED / f"{name}.json.gz").read_bytes()))
    result = CliRunner().invoke(app, [subcommand, str(file), *options])
    return result.exit_code, result.output
