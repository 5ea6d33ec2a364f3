"""Tests the functions that read, write and compare the table in docs/clients.md. Also tests that each cell of the table
contains a verdict, such as `yes`.
"""

from __future__ import annotations

import pytest

from tests.clients.matrix import PAGE, Cell, Section, differences, merged, no, parse, render, stale

PULL = Cell(Section.IMAGES, "docker 20.10", "pull by tag")
LIST = Cell(Section.IMAGES, "crane 0.22", "list tags")
INSTALL = Cell(Section.NPM, "npm 10", "install")


def test_a_page_reads_back_as_it_was_written() -> None:
    verdicts = {PULL: "yes", LIST: no("needs a | pipe\nand a line"), INSTALL: "yes"}
    assert parse(render(verdicts)) == verdicts
    assert parse(render(verdicts))[LIST] == "no: needs a / pipe and a line"


def test_a_run_replaces_the_sections_that_it_covers() -> None:
    page = {PULL: "yes", LIST: "yes", INSTALL: "yes"}
    assert merged(page, {PULL: "no: gone"}) == {INSTALL: "yes", PULL: "no: gone"}


@pytest.mark.parametrize("shown", [{}, {PULL: "no: once"}])
def test_a_result_that_differs_from_the_page_is_named(shown: dict[Cell, str]) -> None:
    (line,) = differences(shown, {PULL: "yes"})
    assert "docker 20.10, pull by tag" in line


def test_a_cell_without_a_test_is_named() -> None:
    (line,) = stale({PULL: "yes", LIST: "yes", INSTALL: "yes"}, {PULL: "yes"})
    assert "crane 0.22, list tags" in line


def test_each_cell_of_the_page_has_a_verdict_and_each_refusal_a_reason() -> None:
    verdicts = parse(PAGE.read_text())
    assert verdicts
    assert [each for each, result in verdicts.items() if result != "yes" and not result.startswith("no: ")] == []
