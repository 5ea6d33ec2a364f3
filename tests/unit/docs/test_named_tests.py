"""Tests that each test that a page of the documentation names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.docs import CHECKOUT, DOCS

PAGES = sorted(DOCS.rglob("*.md"))
_NAME = re.compile(r"`(test_\w+)(…?)`")
_TITLE = re.compile(r"""(?:^|\s)test\(\s*(?:"([^"]+)"|`([^`$]+))""")


def python_names() -> set[str]:
    """Returns the names of all test functions and test modules in tests/."""
    modules = list((CHECKOUT / "tests").rglob("test_*.py"))
    functions = (name for module in modules for name in re.findall(r"\bdef (test_\w+)", module.read_text()))
    return {*functions, *(module.stem for module in modules)}


def worker_titles() -> list[str]:
    """Returns the titles of the tests of the edge worker. A title that contains a value ends before the value."""
    files = (CHECKOUT / "workers" / "edge" / "test").glob("*.test.ts")
    return [double or template for file in files for double, template in _TITLE.findall(file.read_text())]


PYTHON_NAMES = python_names()
WORKER_TITLES = worker_titles()


def named_titles(text: str) -> list[str]:
    """Returns the titles of the worker's tests that the tables of a page name in their last column. A title has more
    than one word. `…` ends a shortened title.
    """
    rows = [line.split("|")[-2] for line in text.splitlines() if line.startswith("|")]
    return [span for row in rows for span in re.findall(r"`([^`]+)`", row) if re.match(r"[\w-]+ ", span)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_each_named_python_test_exists(page: Path) -> None:
    missing = [
        name
        for name, shortened in _NAME.findall(page.read_text())
        if not any(known == name or (shortened and known.startswith(name)) for known in PYTHON_NAMES)
    ]
    assert missing == []


def test_each_named_test_of_the_worker_exists() -> None:
    named = named_titles((DOCS / "protocols.md").read_text())
    assert len(named) > 60
    assert [name for name in named if not any(title.startswith(name.rstrip("…")) for title in WORKER_TITLES)] == []
