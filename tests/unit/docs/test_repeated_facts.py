"""Tests what the documentation says about the Pulumi program. Facts such as the name of a key must agree with the
program. Facts that change with each release, such as the number of resources, must not be on a page.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.bootstrap_stack import first_bootstrap_up
from tests.unit.docs import CHECKOUT

# The tests leave out the decision records in docs/decisions. Each record has a date, and its figures were correct on
# that date.
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_counts_the_resources_of_a_stack_or_the_policies(page: Path) -> None:
    assert re.findall(r"\b\d{2,}\*{0,2} (?:resources|policies)\b", page.read_text()) == []


def test_the_pages_name_the_key_for_states_that_bootstrap_creates() -> None:
    key = first_bootstrap_up().outputs["secrets_provider"]
    named = {url for page in PAGES for url in re.findall(r"awskms://[^`' ]+", page.read_text())}
    assert named == {key}
