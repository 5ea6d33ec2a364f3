"""`make preview`: previews the changes to every stack on emulated clouds, and checks the plans.

Each stack has two plans. The plan of a new deployment must satisfy the policy pack and the stack's resilience
statements, which say after which failures clients can still read. The plan of an upgrade from the state in the last
release must pass the upgrade check (gates/upgrade.py).
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Iterable
from pathlib import Path

from emulation.engine.find import Report
from gates import rules, stages, upgrade
from gates.limits import Limits
from gates.plan import Plan, read_plan
from gates.resilience import Statements, prove
from gates.settings import read_settings
from gates.summary import counts, diff, tree
from local.checkout import CHECKOUT
from previews import plans, release
from previews.plans import STACKS, Planned
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox

# Previews use a loopback network of their own. A preview can therefore run at the same time as `make up`.
LOOPBACK = "127.76"

SURVIVE = CHECKOUT / "gates" / "resilience_limits"
LIMITS = CHECKOUT / "gates" / "limits"


def preview(report: Report, directory: Path | None = None) -> bool:
    """Previews all stacks. Returns true if every stack can be planned and every plan passes its checks. Reports each
    problem in one line.

    Writes the plans to `directory` in the format of `pulumi preview --json`: `<stack>.json` for a new deployment, and
    `<stack>-upgrade.json` for an upgrade from the last release.
    """
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    with temporary_sandbox(LOOPBACK, report) as sandbox:
        verdicts = [_preview_new_stack(sandbox, stack, report, directory) for stack in STACKS]
        verdicts += [_preview_upgrade(sandbox, stack, report, directory) for stack in STACKS]
    return all(verdicts)


def _preview_new_stack(sandbox: TemporarySandbox, stack: str, report: Report, directory: Path | None) -> bool:
    started = time.monotonic()
    sandbox.new_stack(stack)
    planned = plans.plan(sandbox, stack, *plans.policies_of(stack))
    _save_plan(planned, directory, stack)
    plan = read_plan(planned.document) if planned.ok else Plan({})
    _report_result(
        report, stack, planned.refusals, counts(plan) if planned.ok else "no plan", started, tree(plan.after())
    )
    for exemption in planned.exemptions:
        report(f"  {exemption}")
    if planned.later:
        report(f"  policies that only `up` can check, because values are not known yet: {', '.join(planned.later)}")
    return planned.ok and _check_resilience(plan, stack, report)


def _check_resilience(plan: Plan, stack: str, report: Report) -> bool:
    """Checks the stack's resilience statements (gates/resilience_limits). A statement names resources that can fail at
    the same time, such as all resources of a region. It says whether every read path (a kind of read request of
    clients) survives this failure. If not, it lists the paths that may break.

    Reports each difference between the plan and the statements. Returns True if there are no differences.
    """
    proof = prove(plan.after(), read_settings(SURVIVE / f"{stack}.yaml", Statements))
    for finding in proof.findings:
        report(f"{stack} FAILS: {finding}")
    if not proof.findings:
        report(f"  after each of {proof.sets} failures, all {proof.paths} read paths are as their limits declare")
    return not proof.findings


def _preview_upgrade(sandbox: TemporarySandbox, stack: str, report: Report, directory: Path | None) -> bool:
    started = time.monotonic()
    recorded = release.latest(stack)
    if recorded is None:
        report(f"{stack}: no release is recorded, so there is no upgrade to check")
        return True
    release.load(sandbox, stack, recorded)
    planned = plans.plan(sandbox, stack)
    _save_plan(planned, directory, f"{stack}-upgrade")
    plan = read_plan(planned.document) if planned.ok else Plan({})
    allowed = upgrade.read_allowances(recorded.with_name("allowances.yaml")).of(stack)
    refusals = planned.refusals or list(upgrade.findings(plan, allowed))
    _report_result(report, f"{stack} since {recorded.parent.name}", refusals, counts(plan), started, diff(plan))
    _say_how_to_split(plan, read_settings(LIMITS / f"{stack}.yaml", Limits), report)
    return not refusals


def _say_how_to_split(plan: Plan, limits: Limits, report: Report) -> None:
    """Reports how many runs of `pulumi up` an upgrade needs. Reports nothing if the plan gate, which checks Pulumi
    plans (gates/), allows the upgrade in a single run.
    """
    today = datetime.datetime.now(datetime.UTC).date()
    refused = sorted({refusal.rule for refusal in rules.judge(plan, limits, today)})
    if refused:
        applies = len(stages.split(plan, limits, today))
        report(f"  too much for one apply ({', '.join(refused)}); `python -m gates plan` splits it into {applies}")


def _report_result(
    report: Report, what: str, refusals: list[str], summary: str, started: float, lines: Iterable[str]
) -> None:
    verdict = "FAILS" if refusals else "passes"
    report(f"{what} {verdict}: {summary} ({time.monotonic() - started:.0f} s)")
    for line in refusals or lines:
        report(f"  {line}")


def _save_plan(planned: Planned, directory: Path | None, name: str) -> None:
    if directory is not None:
        (directory / f"{name}.json").write_text(json.dumps(planned.document, indent=1))
