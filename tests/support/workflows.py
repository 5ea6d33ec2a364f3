"""Loads this repository's GitHub workflows and actions for tests."""

from __future__ import annotations

from pathlib import Path

import yaml

# The keys are values of the field `shell` of a workflow step. The values are the commands with which GitHub runs the
# step's script (GitHub Docs, "Workflow syntax for GitHub Actions", `jobs.<job_id>.steps[*].shell`).
SHELLS = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
_ROOT = Path(__file__).parents[2]
WORKFLOWS = {file.name: yaml.safe_load(file.read_text()) for file in (_ROOT / ".github/workflows").glob("*.yml")}
ACTIONS = {
    file.parent.name: yaml.safe_load(file.read_text()) for file in (_ROOT / ".github/actions").glob("*/action.yml")
}
