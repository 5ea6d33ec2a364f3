"""Tests the commands of `python -m probes`: their exit status, and their errors for invalid arguments."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from local.checkout import CHECKOUT
from probes.__main__ import NAMES, app


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["s3-bucket-name"], "no probe has the name s3-bucket-name"),
        (["workers-cache"], "--zone"),
        (["acm-pending-certificates"], "--domain"),
    ],
)
def test_a_wrong_call_is_explained(arguments: list[str], problem: str) -> None:
    done = CliRunner().invoke(app, ["run", *arguments])
    assert done.exit_code == 2
    assert problem in done.output


@pytest.mark.usefixtures("aws_cloud")
def test_the_command_prints_a_line_for_each_fact() -> None:
    done = CliRunner().invoke(app, ["run", "s3-replication-rules"])
    assert (done.exit_code, len(done.output.splitlines())) == (0, 3)
    assert all(line.startswith("pass  s3-replication-rules: S3 refuses") for line in done.output.splitlines())


def test_the_page_of_facts_names_probes_that_exist() -> None:
    page = (CHECKOUT / "docs" / "fidelity.md").read_text()
    rows = [line.rstrip(" |").rpartition("|")[2].strip() for line in page.splitlines() if line.startswith("| ")]
    named = {name for cell in rows for name in re.findall(r"`([a-z0-9-]+)`", cell)}
    assert named == {*NAMES}
