"""Tests that `make lint`, the pre-commit hooks and the GitHub workflow run the same checks, and that dependabot covers
every package manifest.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.workflows import WORKFLOWS

ROOT = Path(__file__).parents[3]
LINT = re.findall(r"lint-\w+", re.findall(r"^lint: (.*?)##", (ROOT / "Makefile").read_text(), re.MULTILINE)[0])
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
UPDATES: list[dict[str, Any]] = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
MANIFESTS = {
    "pip": "pyproject.toml",
    "npm": "package-lock.json",
    "gomod": "go.mod",
    "github-actions": "action.yml",
    "docker": "Dockerfile",
    "cargo": "Cargo.toml",
}


def test_make_lint_the_hooks_and_the_workflow_agree() -> None:
    assert [hook["entry"] for hook in HOOKS] == [f"make {target}" for target in LINT]
    runs = [step["run"] for step in WORKFLOWS["check.yml"]["jobs"]["style"]["steps"] if "run" in step]
    assert runs == ["make lint"]


@pytest.mark.parametrize(
    ("file", "targets"),
    [
        ("infra/dns/__init__.py", ["lint-style", "lint-words", "lint-imports", "lint-types"]),
        ("pyproject.toml", ["lint-style", "lint-words", "lint-imports", "lint-types"]),
        ("requirements.lock", ["lint-words", "lint-types"]),
        ("workers/edge/src/index.ts", ["lint-words", "lint-worker"]),
        ("docs/ci.md", ["lint-words"]),
    ],
)
def test_a_changed_file_starts_the_checks_of_its_kind(file: str, targets: list[str]) -> None:
    assert [hook["entry"].removeprefix("make ") for hook in HOOKS if re.search(hook["files"], file)] == targets


def test_dependabot_watches_each_folder_with_a_manifest() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    there = {
        (ecosystem, f"/{path.parent.as_posix()}" if path.parent.parts else "/")
        for path in map(Path, listed.splitlines())
        for ecosystem, manifest in MANIFESTS.items()
        if path.name == manifest
    }
    # For the ecosystem github-actions, the directory `/` in dependabot's configuration means .github/workflows.
    there.add(("github-actions", "/"))
    watched = {
        (update["package-ecosystem"], directory)
        for update in UPDATES
        for directory in update.get("directories", [update.get("directory")])
    }
    assert watched == there
