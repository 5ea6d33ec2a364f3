"""Writes the tables in docs/clients.md, which say whether each client can do each action. Each cell is the verdict of a
test.

A test names its cell with `@cell(section, client, action)`. The verdict is "yes" if the test passes. The verdict is
"no: <reason>" if the test skips with this reason, or passes this reason to the fixture `refused`. `python -m pytest
tests/clients --write-matrix` writes docs/clients.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

import pytest

from local.checkout import CHECKOUT

PAGE = CHECKOUT / "docs" / "clients.md"
YES = "yes"
_ABSENT = "-"  # the content of a table cell if the client does not support the action
_INTRODUCTION = """\
# Clients

Real clients against the network of `make up`, with cold caches. Each cell is the verdict of a test in
[tests/clients/](../tests/clients/matrix.py). "yes" means that the test passes, "no" gives the reason, and "-" means
that the client has no such action. `make test-clients` runs the tests and compares the verdicts with this page;
`make clients-page` writes the page.
"""


class Section(StrEnum):
    """The sections of docs/clients.md, each with one table, in the page's order."""

    IMAGES = "Images and other OCI artifacts"
    NPM = "npm packages"
    PYTHON = "Python packages"
    TREES = "Real trees of packages"


class Cell(NamedTuple):
    """A cell of a table in docs/clients.md: a client, such as `docker 20.10`, and an action, such as `pull by tag`."""

    section: Section
    client: str
    action: str


def cell(section: Section, client: str, action: str) -> pytest.MarkDecorator:
    """Returns a pytest mark for a test or for one parameter of a test. The result of the marked test becomes the
    verdict in one cell of docs/clients.md, that is, whether the client can do the action.
    """
    return pytest.mark.cell(section, client, action)


def rows(section: Section, clients: Iterable[str], action: str) -> pytest.MarkDecorator:
    """Runs a test once for each client. Each result is the verdict in one cell of a table in docs/clients.md. The cell
    is in the client's row and in the column with the heading `action`.

    The test, or one of its fixtures, receives the client's name as the parameter `name`.
    """
    return pytest.mark.parametrize(
        "name",
        [pytest.param(name, marks=cell(section, name, action), id=name.replace(" ", "-")) for name in clients],
    )


def cell_of(item: pytest.Item) -> Cell | None:
    """Returns the cell of docs/clients.md whose content is the result of this test. Returns None if no cell belongs to
    the test.
    """
    mark = item.get_closest_marker("cell")
    return Cell(*mark.args) if mark else None


def parse(page: str) -> dict[Cell, str]:
    """Reads the verdicts in the tables of docs/clients.md. Returns a mapping from a client and an action to the
    verdict. `page` is the text of docs/clients.md.
    """
    verdicts: dict[Cell, str] = {}
    for section in Section:
        _, _, rest = page.partition(f"\n## {section}\n")
        rows = [_columns(line) for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
        if not rows:
            continue
        (_, *actions), _, *clients = rows
        for client, *shown in clients:
            pairs = zip(actions, shown, strict=True)
            verdicts |= {Cell(section, client, action): verdict for action, verdict in pairs if verdict != _ABSENT}
    return verdicts


def render(verdicts: Mapping[Cell, str]) -> str:
    """Returns the content of docs/clients.md. `verdicts` maps each cell of the page's tables to the cell's content. The
    clients (rows) and the actions (columns) have the same order as in `verdicts`.
    """
    parts = [_INTRODUCTION]
    for section in Section:
        cells = [each for each in verdicts if each.section == section]
        if not cells:
            continue
        actions, clients = _distinct(each.action for each in cells), _distinct(each.client for each in cells)
        rows = [["client", *actions], ["---"] * (len(actions) + 1)]
        for client in clients:
            rows.append([client, *(verdicts.get(Cell(section, client, action), _ABSENT) for action in actions)])
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        parts.append(f"## {section}\n\n{table}\n")
    return "\n".join(parts)


def merged(page: Mapping[Cell, str], run: Mapping[Cell, str]) -> dict[Cell, str]:
    """Merges the verdicts of a test run (cells such as `yes`) into those of docs/clients.md. For each section that the
    run covers, the result has only the run's verdicts. For all other sections, it has the page's verdicts.
    """
    covered = {each.section for each in run}
    return {**{each: verdict for each, verdict in page.items() if each.section not in covered}, **run}


def differences(page: Mapping[Cell, str], run: Mapping[Cell, str]) -> list[str]:
    """Compares the verdicts of a test run with those in docs/clients.md. Returns one line for each verdict of the run
    that the page lacks or states differently.
    """
    return [
        f"{each.client}, {each.action}: the page says {page.get(each, 'nothing')!r}, the test {verdict!r}"
        for each, verdict in run.items()
        if page.get(each) != verdict
    ]


def stale(page: Mapping[Cell, str], run: Mapping[Cell, str]) -> list[str]:
    """Returns one line for each cell of docs/clients.md for which the test run has no verdict. Skips a section of the
    page if the run has no verdict for any of its cells.
    """
    covered = {each.section for each in run}
    return [
        f"{each.client}, {each.action}: the page has this cell, and no test decides it"
        for each in page
        if each.section in covered and each not in run
    ]


def no(reason: str) -> str:
    """Returns the verdict for an action that a package client cannot do: "no", with the reason."""
    return "no: " + " ".join(reason.split()).replace("|", "/")


def _columns(row: str) -> list[str]:
    return [column.strip() for column in row.strip("|").split("|")]


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
