"""Tests `python -m doctor`, which checks the accounts of a stack. The tests check how the command reads the settings of
a stack, and which messages it prints for files that it cannot use.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from local.checkout import CHECKOUT
from stacks.config import ConfigError
from stacks.stack_file import StackFileError, read_stack


def test_the_settings_of_a_stack_are_read_without_pulumi() -> None:
    stack, project = read_stack(CHECKOUT / "stacks", "prod")
    assert (stack.environment, stack.hostname, project) == (
        "prod",
        "packages.artifact-edge.example",
        "artifact-edge-prod",
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file or directory; the stacks are other"),
        ("config: [", "not YAML"),
        ("secretsprovider: x", "has no section `config`"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: str | None, problem: str) -> None:
    (tmp_path / "Pulumi.other.yaml").write_text("config: {}")
    if content is not None:
        (tmp_path / "Pulumi.dev.yaml").write_text(content)
    with pytest.raises(StackFileError, match=rf"^{tmp_path}/Pulumi\.dev\.yaml: .*{problem}"):
        read_stack(tmp_path, "dev")


def test_invalid_settings_are_reported_as_pulumi_reports_them(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {'aws:region': moon-1}")
    with pytest.raises(ConfigError, match="aws:region: 'moon-1' is not an AWS region"):
        read_stack(tmp_path, "dev")
