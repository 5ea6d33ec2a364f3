"""Runs the scripts of workflow steps as GitHub does. The programs that the scripts call are replaced with stubs, which
record their arguments and print fixed output. Also tests that the project's own programs accept the scripts' arguments.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_syntax import problem
from tests.support.printed_commands import commands
from tests.support.workflows import SHELLS, WORKFLOWS

DEPLOY = "deploy-one.yml"
TARGETS = ["--target=urn:pulumi:dev::artifact-edge::a$b::c", "--target=urn:pulumi:dev::artifact-edge::a$b::d e"]


def steps() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yields a tuple for each workflow step that runs a script: the name of the workflow file, the content of the file,
    and the step.
    """
    for file, workflow in WORKFLOWS.items():
        for job in workflow["jobs"].values():
            for step in job.get("steps", []):
                if "run" in step:
                    yield file, workflow, step


# The commands in workflow steps. Leaves out commands that tests/support/command_syntax.py cannot parse.
PARSED = [
    (f"{file} {' '.join(words)}", words)
    for file, _, step in steps()
    for words in commands(step["run"])
    if words[0] in (".venv/bin/python", "make", "aws")
]
PIPES = [(workflow, step) for _, workflow, step in steps() if " | " in step["run"]]


def named(name: str, file: str = DEPLOY) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns a workflow and one of its steps. `name` is the name of the step, and `file` is the name of the workflow's
    file.
    """
    return next((workflow, step) for of, workflow, step in steps() if (of, step.get("name")) == (file, name))


def run(
    workflow: dict[str, Any], step: dict[str, Any], directory: Path, programs: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Runs a workflow step in a directory. `programs` maps the names of programs to the scripts that replace them in
    this step.
    """
    for name, script in programs.items():
        file = directory / (".venv/bin/python" if name == "python" else f"bin/{name}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'#!/bin/bash\nprintf "%s\\n" "$@" >> {shlex.quote(str(directory / name))}\n{script}\n')
        file.chmod(0o755)
    shell = step.get("shell") or workflow.get("defaults", {}).get("run", {}).get("shell")
    script = directory / "step.sh"
    script.write_text(step["run"])
    environment = {
        **os.environ,
        "PATH": f"{directory / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "STACK": "dev",
        "AWS_REGION": "us-east-1",
        "GITHUB_STEP_SUMMARY": str(directory / "summary.md"),
        "GITHUB_ENV": str(directory / "environment"),
    }
    return subprocess.run(
        [*SHELLS[shell], str(script)], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )


def arguments(directory: Path, program: str) -> list[str]:
    return (directory / program).read_text().splitlines()


@pytest.mark.parametrize(("workflow", "step"), PIPES, ids=[step["name"] for _, step in PIPES])
def test_a_failed_command_before_a_pipe_fails_the_step(
    workflow: dict[str, Any], step: dict[str, Any], tmp_path: Path
) -> None:
    failed = run(workflow, step, tmp_path, dict.fromkeys(("python", "pulumi", "npm"), "exit 1"))
    assert failed.returncode != 0


def test_there_are_steps_with_pipes() -> None:
    assert len(PIPES) > 4


@pytest.mark.parametrize("words", [words for _, words in PARSED], ids=[name for name, _ in PARSED])
def test_a_program_accepts_the_arguments_of_a_step(words: list[str]) -> None:
    assert problem(words) is None


@pytest.mark.parametrize(
    ("file", "name", "secret"),
    [
        (DEPLOY, "Read Cloudflare's API token from Secrets Manager", "artifact-edge/dev/cloudflare"),
        (
            "drift.yml",
            "Read Cloudflare's read-only API token from Secrets Manager",
            "artifact-edge/dev/cloudflare-read",
        ),
    ],
)
def test_the_token_of_cloudflare_is_masked_and_passed_on(file: str, name: str, secret: str, tmp_path: Path) -> None:
    read = run(*named(name, file), tmp_path, {"aws": "echo a-token"})
    assert (read.returncode, read.stdout, read.stderr) == (0, "::add-mask::a-token\n", "")
    assert (tmp_path / "environment").read_text() == "CLOUDFLARE_API_TOKEN=a-token\n"
    assert secret in arguments(tmp_path, "aws")


def test_a_token_that_cannot_be_read_fails_the_step(tmp_path: Path) -> None:
    step = named("Read Cloudflare's API token from Secrets Manager")
    assert run(*step, tmp_path, {"aws": "exit 254"}).returncode == 254
    assert not (tmp_path / "environment").exists()


@pytest.mark.parametrize(
    ("file", "name", "output"),
    [
        ("check.yml", "Show plans and costs in the run's summary", "plans.txt"),
        ("drift.yml", "Show the differences in the run's summary", "orphans.txt"),
    ],
)
def test_the_summary_shows_the_output_of_earlier_steps(file: str, name: str, output: str, tmp_path: Path) -> None:
    (tmp_path / output).write_text("an earlier output\n")
    shown = run(*named(name, file), tmp_path, {})
    assert shown.returncode == 0, shown.stderr
    assert (tmp_path / "summary.md").read_text() == "```\nan earlier output\n```\n"


def test_a_failed_plan_shows_the_message_of_the_policy(tmp_path: Path) -> None:
    pulumi = (
        'case " $* " in *" --json "*) exit 255;; esac\necho "[mandatory] s3-versioned: enable versioning"\nexit 255'
    )
    failed = run(*named("Make a plan and check the policies"), tmp_path, {"pulumi": pulumi})
    assert failed.returncode != 0
    assert "s3-versioned: enable versioning" in failed.stdout
    assert "s3-versioned: enable versioning" in (tmp_path / "summary.md").read_text()


def test_a_plan_is_kept_although_a_later_step_fails() -> None:
    (kept,) = [
        step for step in WORKFLOWS[DEPLOY]["jobs"]["deploy"]["steps"] if "upload-artifact" in step.get("uses", "")
    ]
    assert (kept["if"], kept["with"]["path"]) == ("always()", "plan.json")


def test_a_whole_plan_is_applied_without_targets(tmp_path: Path) -> None:
    planned = run(*named("Make a plan and check the policies"), tmp_path, {"pulumi": "echo {}"})
    applied = run(*named("Apply exactly the plan"), tmp_path, {"pulumi": ""})
    assert (planned.returncode, applied.returncode) == (0, 0), planned.stderr + applied.stderr
    assert not [each for each in arguments(tmp_path, "pulumi") if not each or "target" in each]


def test_the_next_part_of_a_refused_plan_is_planned_and_applied_with_its_targets(tmp_path: Path) -> None:
    gate = f"printf '%s\\n' {shlex.join(TARGETS)}"
    chosen = run(
        *named("Plan only the first part of a plan that the gate refuses"),
        tmp_path,
        {"python": gate, "pulumi": "echo {}"},
    )
    assert chosen.returncode == 0, chosen.stderr
    assert [each for each in arguments(tmp_path, "pulumi") if "target" in each] == TARGETS
    (tmp_path / "pulumi").unlink()
    assert run(*named("Apply exactly the plan"), tmp_path, {"pulumi": ""}).returncode == 0
    assert [each for each in arguments(tmp_path, "pulumi") if "target" in each] == TARGETS


def test_a_first_part_that_the_gate_refuses_is_not_applied(tmp_path: Path) -> None:
    step = named("Plan only the first part of a plan that the gate refuses")
    assert run(*step, tmp_path, {"python": "exit 1", "pulumi": ""}).returncode != 0
    assert not (tmp_path / "pulumi").exists()
