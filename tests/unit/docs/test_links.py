"""Links in the pages lead to files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.docs import CHECKOUT, DOCS

_ROOT_PAGES = sorted(CHECKOUT.glob("*.md"))
PAGES = [*_ROOT_PAGES, *sorted(DOCS.rglob("*.md")), *sorted((CHECKOUT / "emulation").rglob("*.md"))]
_LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_each_link_within_the_repository_leads_to_a_file(page: Path) -> None:
    lines = page.read_text().split("\n")
    prose = "\n".join(line for line in lines if not line.startswith("    "))
    missing = [link for link in _LINK.findall(prose) if not (page.parent / link).exists()]
    assert not missing, f"{page.relative_to(CHECKOUT)} links to what is not there: {missing}"
