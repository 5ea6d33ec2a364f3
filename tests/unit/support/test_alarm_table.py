"""Tests that the documentation page of alarms lists every alarm, that each alarm links to a runbook, and that every
runbook in docs/operations.md but one has an alarm.
"""

from __future__ import annotations

import re

from tests.support.alarm_table import PAGE, page, rows, whole

# The title of docs/operations.md, and the runbook that an operator follows without an alarm.
WITHOUT_ALARM = {"operations", "block-an-address-range-now"}


def test_the_page_lists_all_alarms_and_each_leads_to_a_heading() -> None:
    table = rows(whole(), "artifact-edge-prod")
    assert PAGE.read_text() == page(PAGE.read_text(), table), "run `python -m tests.support.alarm_table`"
    assert {row.cloud for row in table} == {"AWS", "Google Cloud"}
    led_to: dict[str, set[str]] = {}
    for row in table:
        file, anchor = row.runbook.split("#")
        assert anchor in anchors(file), f"{row.name}: {file} has no heading {anchor}"
        led_to.setdefault(file, set()).add(anchor)
    assert led_to["docs/operations.md"] == anchors("docs/operations.md") - WITHOUT_ALARM


def anchors(file: str) -> set[str]:
    text = (PAGE.parents[1] / file).read_text()
    headings = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    return {re.sub(r"[^a-z0-9]+", "-", heading.lower()) for heading in headings}
