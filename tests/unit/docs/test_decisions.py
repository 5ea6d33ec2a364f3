"""Tests that all decision records in the documentation have the same form. Also tests that their index lists each
record correctly.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.docs import DOCS

INDEX = DOCS / "decisions" / "README.md"
RECORDS = sorted(path for path in INDEX.parent.glob("*.md") if path != INDEX)
_HEAD = re.compile(
    r"# (?P<title>[^\n]+)\n\n- Date: (?P<date>\d{4}-\d{2}-\d{2})[^\n]*\n"
    r"- Status: (?P<status>proposed|accepted|replaced by \[[^\]]+\]\([^)]+\.md\))"
)
_PARTS = ["Context", "Decision", "Measurements", "Alternatives", "What would overturn it"]


def read(path: Path) -> tuple[dict[str, str], str]:
    text = path.read_text()
    head = _HEAD.match(text)
    assert head is not None, f"{path.name}: wants a title, a date and a status, in the form that {INDEX} shows"
    return head.groupdict(), text


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name)
def test_a_record_has_a_head_and_its_parts_in_order(path: Path) -> None:
    _, text = read(path)
    parts = [part for part in re.findall(r"^## (.+)$", text, re.MULTILINE) if part in _PARTS]
    assert parts == [part for part in _PARTS if part in parts]
    assert {"Context", "Decision", "What would overturn it"} <= set(parts)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name)
def test_the_index_lists_a_record_with_its_title_date_and_status(path: Path) -> None:
    head, _ = read(path)
    assert f"| [{head['title']}]({path.name}) | {head['date']} | {head['status']} |" in INDEX.read_text().splitlines()
