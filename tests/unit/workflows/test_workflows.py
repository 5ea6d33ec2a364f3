"""Tests the repository's GitHub workflows: their permissions, the actions that they trust, and that all files and
commands in them exist."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.roles import MOST_SECONDS
from tests.support.workflows import ACTIONS, WORKFLOWS

ROOT = Path(__file__).parents[3]
CLOUD = ("aws-actions/configure-aws-credentials", "google-github-actions/auth")


def jobs() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yields each job of each GitHub workflow. With the job, yields the job's name and the whole workflow."""
    for file, workflow in WORKFLOWS.items():
        for name, job in workflow["jobs"].items():
            yield f"{file}:{name}", workflow, job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, _, job in jobs():
        for step in job.get("steps", []):
            yield name, step
    for name, action in ACTIONS.items():
        for step in action["runs"]["steps"]:
            yield name, step


def commands() -> Iterator[str]:
    """Yields each line of each shell script in the GitHub workflows, with continued lines joined."""
    for _, step in steps():
        yield from step.get("run", "").replace("\\\n", " ").splitlines()


def test_the_workflows_run_on_changes_merges_and_schedules() -> None:
    triggers = {file: set(workflow[True]) for file, workflow in WORKFLOWS.items()}  # YAML reads the key `on` as true
    assert "pull_request" in triggers["check.yml"]
    assert triggers["deploy.yml"] == {"push", "schedule", "workflow_dispatch"}
    assert triggers["deploy-one.yml"] == {"workflow_call"}
    assert "schedule" in triggers["drift.yml"] and "schedule" in triggers["nightly.yml"]
    assert not any("pull_request_target" in each for each in triggers.values())


def test_third_party_actions_are_pinned_to_a_commit_with_their_version() -> None:
    text = "".join(file.read_text() for file in (ROOT / ".github").rglob("*.yml"))
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert len(used) > 10
    for action, comment in used:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    for action in {action for action, _ in used if action.startswith("./")}:
        assert (ROOT / action).exists()


def test_every_workflow_has_minimal_permissions() -> None:
    for workflow in WORKFLOWS.values():
        assert workflow["permissions"] == {"contents": "read"}
    for name, _, job in jobs():
        uses_cloud = "uses" in job or any(step.get("uses", "").startswith(CLOUD) for step in job["steps"])
        wanted = {"contents": "read", "id-token": "write"} if uses_cloud else None
        assert job.get("permissions") == wanted, name
    for name, step in steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, name


def test_no_long_lived_key_is_stored_or_passed() -> None:
    for file in (ROOT / ".github").rglob("*.yml"):
        text = file.read_text()
        assert "secrets." not in text and "access-key" not in text and "credentials_json" not in text, file


def test_pull_requests_get_no_cloud_identity() -> None:
    for job in WORKFLOWS["check.yml"]["jobs"].values():
        assert "environment" not in job and "permissions" not in job


def test_environments_deploy_one_at_a_time_in_order_and_behind_protection_rules() -> None:
    one = WORKFLOWS["deploy-one.yml"]
    assert one["concurrency"] == {"group": "deploy-${{ inputs.environment }}", "cancel-in-progress": False}
    assert one["jobs"]["deploy"]["environment"] == "${{ inputs.environment }}"
    order = {
        name: (job.get("needs"), job["with"]["environment"]) for name, job in WORKFLOWS["deploy.yml"]["jobs"].items()
    }
    assert order == {"dev": (None, "dev"), "staging": ("dev", "staging"), "prod": ("staging", "prod")}
    for name, _, job in jobs():
        assert "uses" in job or job["timeout-minutes"] <= 90, name


def test_only_a_gated_plan_is_applied() -> None:
    lines = [step.get("run", "") for step in WORKFLOWS["deploy-one.yml"]["jobs"]["deploy"]["steps"]]
    place = {
        what: next(number for number, line in enumerate(lines) if what in line)
        for what in ("pulumi preview", "-m gates plan", "pulumi up")
    }
    assert list(place.values()) == sorted(place.values())
    assert "--save-plan plan.bin" in lines[place["pulumi preview"]]
    assert "--plan plan.bin" in lines[place["pulumi up"]]
    for what in ("pulumi preview", "pulumi up"):
        assert '--policy-pack policies --policy-pack-config "policies/config/$STACK.json"' in lines[place[what]]


def test_drift_is_an_error() -> None:
    (compared,) = [line for line in commands() if "--expect-no-changes" in line]
    assert "--refresh" in compared


@pytest.mark.parametrize(
    ("file", "job", "command"),
    [
        ("drift.yml", "drift", "python -m drift state.json"),
        ("drift.yml", "drift", "python -m registry keys check"),
        ("deploy-one.yml", "deploy", "python -m registry keys renew"),
        ("nightly.yml", "kills", "make test-kills"),
        ("nightly.yml", "long", "make test-long"),
    ],
)
def test_a_scheduled_command_is_a_step_of_its_workflow(file: str, job: str, command: str) -> None:
    (step,) = [each for each in WORKFLOWS[file]["jobs"][job]["steps"] if command in each.get("run", "")]
    # In the workflow `drift`, each command must run even if an earlier step has found a difference between the Pulumi
    # state and the cloud.
    assert step.get("if") == ("always()" if file == "drift.yml" else None)


def test_certificates_are_renewed_before_the_deployment_is_planned() -> None:
    lines = [step.get("run", "") for step in WORKFLOWS["deploy-one.yml"]["jobs"]["deploy"]["steps"]]
    renewed, planned = (
        next(number for number, line in enumerate(lines) if command in line)
        for command in ("registry keys renew", "pulumi preview")
    )
    assert renewed < planned


def test_every_project_command_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    scripts = {*json.loads((ROOT / "workers/edge/package.json").read_text())["scripts"]}
    found: set[str] = set()
    for line in commands():
        for target in re.findall(r"\bmake (\S+)", line):
            assert target in targets, line
            found.add("make")
        for script in re.findall(r"npm (?:run )?(\S+) --prefix", line):
            assert script in scripts, line
            found.add("npm")
        for module, subcommand in re.findall(r"python -m ([\w.]+) ([a-z]+)?", line):
            assert importlib.util.find_spec(module), line
            found.add(module)
            if module in ("local", "gates", "previews"):
                result = subprocess.run(
                    [sys.executable, "-m", module, *([subcommand] if subcommand else []), "--help"],
                    cwd=ROOT,
                    capture_output=True,
                    check=False,
                )
                assert result.returncode == 0, line
        for file in re.findall(r"(?<![\w/$])(?:tests|policies|workers)/[\w/.-]+", line.replace("$STACK", "prod")):
            assert (ROOT / file).exists(), line
    assert {"make", "npm", "previews", "gates", "costs", "pytest"} <= found


def test_the_session_of_the_deploy_role_outlasts_the_job() -> None:
    """AWS ends the deploy role's session after an hour, unless the GitHub action that assumes the role requests a
    longer session (configure-aws-credentials, README).
    """
    for name, _, job in jobs():
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("aws-actions/configure-aws-credentials"):
                seconds = step["with"].get("role-duration-seconds", 3600)
                assert job["timeout-minutes"] * 60 <= seconds <= MOST_SECONDS, name


def test_jobs_that_run_daemons_install_them_first() -> None:
    """A GitHub runner is not root, and targets such as `make test` install packages only as root. A job that needs
    daemons must therefore install their packages in an earlier step.
    """
    rules = re.findall(r"(?m)^([\w-]+):.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text())
    installing = ("-m local.prerequisites", "-m tests.clients.programs")
    targets = [target for target, recipe in rules if any(command in recipe for command in installing)]
    assert {"test", "test-kills", "test-scans"} <= set(targets)
    daemons = re.compile(rf"make ({'|'.join(targets)})$|pytest tests/unit")
    for name, _, job in jobs():
        steps_of_job = [step.get("run", step.get("uses", "")) for step in job.get("steps", [])]
        first = next((number for number, step in enumerate(steps_of_job) if daemons.search(step)), None)
        assert first is None or "./.github/actions/programs" in steps_of_job[:first], name
    (install,) = ACTIONS["programs"]["runs"]["steps"]
    assert install["run"].startswith("sudo ") and install["run"].endswith(" -m local.prerequisites")


def test_the_next_part_of_a_plan_is_applied_by_the_workflow_that_applies_whole_plans() -> None:
    assert WORKFLOWS["deploy.yml"]["jobs"]["prod"]["uses"] == "./.github/workflows/deploy-one.yml"
    (job,) = WORKFLOWS["deploy-next.yml"]["jobs"].values()
    assert job["uses"] == "./.github/workflows/deploy-one.yml"
    assert job["with"] == {"environment": "${{ inputs.environment }}", "next_apply": True}


@pytest.mark.skipif(not shutil.which("go"), reason="actionlint is built with Go, which is not installed")
def test_actionlint_finds_nothing() -> None:
    files = (ROOT / ".github/workflows").iterdir()
    # actionlint's options `-shellcheck=` and `-pyflakes=` disable the checks that run the programs shellcheck and
    # pyflakes. Not every machine has these programs.
    result = subprocess.run(
        ["go", "tool", "actionlint", "-no-color", "-shellcheck=", "-pyflakes=", *files],
        cwd=ROOT / "tests" / "support" / "actionlint",
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
