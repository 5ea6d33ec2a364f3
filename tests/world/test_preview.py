"""`make preview`: every stack's plan, and what a change that breaks a rule is told."""

from __future__ import annotations

import pytest
import yaml

from local import preview
from local.scratch import scratch

LOOPBACK = "127.87"


def test_every_stack_previews_and_meets_the_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "LOOPBACK", LOOPBACK)
    said: list[str] = []
    assert preview.preview(said.append), said
    for stack in ("local", "dev", "staging", "prod"):
        assert any(line.startswith(f"{stack} passes: + ") and "to create" in line for line in said), said


def test_a_stack_that_breaks_a_rule_is_refused_by_up() -> None:
    with scratch(LOOPBACK, print) as world:
        config = world.project / "stacks" / "Pulumi.staging.yaml"
        changed = yaml.safe_load(config.read_text())
        changed["config"]["artifact-edge:protect"] = False
        config.write_text(yaml.safe_dump(changed))
        world.new_stack("staging")
        refused = world.pulumi("up", "--yes", "--skip-preview", "--stack", "staging", *preview.policies_of("staging"))
    assert refused.returncode != 0
    assert "[mandatory] [severity: high]  irreplaceable-protected" in refused.stdout
    assert "Set `artifact-edge:protect` to true" in refused.stdout
