"""Reads sections and tables of the documentation page docs/architecture.md for tests."""

from __future__ import annotations

import re

from tests.unit.docs import DOCS

PAGE = DOCS / "architecture.md"


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}.*?\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None, f"{PAGE} has no section {title}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Returns the cells of each row of the Markdown tables in `text`. Leaves out the header rows."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    heads = {number - 1 for number, line in enumerate(lines) if line.startswith("| --- ")}
    return [row for number, row in enumerate(cells) if number not in heads and row[0] != "---"]
