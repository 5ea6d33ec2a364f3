"""Tests `make preview`: it shows the plan of each stack, what an upgrade would change, and which rules a bad change to
the program violates.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from emulation.processes import INTERPRETER_VARIABLE
from gates.plan import read_plan
from gates.upgrade import findings
from local.checkout import CHECKOUT
from previews import plans, preview, release
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox
from tests.support.runbooks import runbook

pytestmark = pytest.mark.plans

LOOPBACK = "127.87"


def test_the_command_that_shows_what_a_release_changes_starts_the_preview() -> None:
    """Checks only which program `make preview` would start. The test does not run this program, because it would use
    the same addresses as a preview in another checkout. The next test runs a preview at other addresses.
    """
    printed = runbook("docs/deploying.md", "Upgrade a stack").command("make preview")
    shown = subprocess.run(
        [*printed.split(), "--dry-run"], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert shown.splitlines()[-1] == ".venv/bin/python -m previews"


def test_every_stack_previews_and_meets_the_policies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preview, "LOOPBACK", LOOPBACK)
    # This test runs the emulated clouds, the program and the policies with Python itself, as `make preview` does. The
    # interpreter of the other tests has imported all SDKs, so that they would not notice a missing import.
    monkeypatch.delenv(INTERPRETER_VARIABLE)
    output: list[str] = []
    assert preview.preview(output.append, tmp_path), output
    for stack in ("local", "dev", "staging", "prod"):
        assert any(line.startswith(f"{stack} passes: ") and "to create" in line for line in output), output
        assert f"{stack}: no release is recorded, so there is no upgrade to check" in output
        assert json.loads((tmp_path / f"{stack}.json").read_text())["steps"]
    assert sum("read paths are as their limits declare" in line for line in output) == 4, output
    assert any(line.split()[0] == "shield" and "14 Instance" in line and "2 Certificate" in line for line in output)


def test_preview_and_up_refuse_a_stack_that_breaks_a_rule_and_name_the_fix() -> None:
    fix = "Set `artifact-edge:protect` to true"
    with temporary_sandbox(LOOPBACK, print) as sandbox:
        _change(sandbox, "staging", {"protect": False})
        sandbox.new_stack("staging")
        planned = plans.plan(sandbox, "staging", *plans.policies_of("staging"))
        refused = sandbox.pulumi("up", "--yes", "--skip-preview", "--stack", "staging", *plans.policies_of("staging"))
        _change(sandbox, "staging", {"domain": "_"})
        unusable = plans.plan(sandbox, "staging", *plans.policies_of("staging"))
    assert not planned.ok
    assert any(
        refusal.startswith("multi-data-protected-from-replacement (us-east-1): ") and fix in refusal
        for refusal in planned.refusals
    ), planned.refusals
    assert refused.returncode != 0
    assert "[mandatory] [severity: high]  multi-data-protected-from-replacement" in refused.stdout
    assert fix in refused.stdout
    assert any(refusal.startswith("artifact-edge:domain: '_'") for refusal in unusable.refusals), unusable


@pytest.mark.nightly
def test_an_upgrade_from_a_recorded_release_replaces_no_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in (release, preview):
        monkeypatch.setattr(module, "STACKS", ("dev",))
        monkeypatch.setattr(module, "LOOPBACK", LOOPBACK)
    monkeypatch.setattr(release, "RELEASES", tmp_path)
    output: list[str] = []
    release.record("0.9", output.append)
    assert preview.preview(output.append), "\n".join(output)
    assert any(line.startswith("dev since 0.9 passes: ") and "unchanged" in line for line in output), output

    with temporary_sandbox(LOOPBACK, print) as sandbox:
        sandbox.new_stack("dev")
        release.load(sandbox, "dev", tmp_path / "0.9" / "dev.json.gz")
        _change(sandbox, "dev", {"domain": "elsewhere.example"})
        refused = list(findings(read_plan(plans.plan(sandbox, "dev").document)))
    assert "Zone dns: the upgrade would replace a store (because of name)" in refused, refused


def _change(sandbox: TemporarySandbox, stack: str, values: dict[str, Any]) -> None:
    config = sandbox.project / "stacks" / f"Pulumi.{stack}.yaml"
    changed = yaml.safe_load(config.read_text())
    changed["config"].update({f"artifact-edge:{key}": value for key, value in values.items()})
    config.write_text(yaml.safe_dump(changed))
