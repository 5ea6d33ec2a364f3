"""Tests the exit status of the commands of `python -m probes`, and their errors for invalid arguments. A probe checks
how a cloud behaves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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


def facts() -> Iterator[list[str]]:
    """Yields the cells of each row in the tables of facts in docs/fidelity.md. The last cell contains the name of the
    probe, which checks the row's fact on a real cloud.
    """
    is_of_facts = False
    for line in (CHECKOUT / "docs" / "fidelity.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if not line.startswith("|"):
            is_of_facts = False
        elif cells[-1].lower() == "probe":
            is_of_facts = True
        elif is_of_facts and not line.startswith(("|---", "| ---")):
            yield cells


def test_the_page_of_facts_names_probes_that_exist() -> None:
    named = {name for cells in facts() for name in re.findall(r"`([a-z0-9-]+)`", cells[-1])}
    assert named == {*NAMES}


def test_each_fact_has_a_probe_or_a_reason_why_it_has_none() -> None:
    unexplained = [cells[0] for cells in facts() if not re.search(r"`[a-z0-9-]+`|^none: \S", cells[-1])]
    assert unexplained == []


def test_each_fact_has_a_test_that_exists() -> None:
    known = {
        name
        for file in (CHECKOUT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    for cells in facts():
        assert len(cells) == 5, cells
        named = re.findall(r"`([^`]+)`", cells[3])
        missing = [name for name in named if name not in known and not (CHECKOUT / name).is_file()]
        assert missing == [], cells[0]
        assert named or cells[3].startswith("the same"), cells[0]
