"""Tests that links in the documentation lead to existing files, and that the README of a folder mentions only existing
files.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.docs import CHECKOUT, DOCS

FOLDERS = sorted(
    path
    for top in ("emulation", "workers")
    for path in (CHECKOUT / top).rglob("README.md")
    if "node_modules" not in path.parts
)
PAGES = [*sorted(CHECKOUT.glob("*.md")), *sorted(DOCS.rglob("*.md")), *FOLDERS]
_LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_each_link_within_the_repository_leads_to_a_file(page: Path) -> None:
    lines = page.read_text().split("\n")
    prose = "\n".join(line for line in lines if not line.startswith("    "))
    missing = [link for link in _LINK.findall(prose) if not (page.parent / link).exists()]
    assert not missing, f"{page.relative_to(CHECKOUT)} links to what is not there: {missing}"


@pytest.mark.parametrize("page", FOLDERS, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_a_folder_s_readme_names_files_that_are_there(page: Path) -> None:
    named = re.findall(r"`([\w./-]+\.(?:py|ts|js|lua|sql|capnp))`", page.read_text())
    assert named
    places = (page.parent, page.parent.parent, CHECKOUT)
    assert [name for name in named if not any((place / name).exists() for place in places)] == []
