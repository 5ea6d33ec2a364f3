"""Tests the summary of a Pulumi plan. Reviewers of a change read this summary."""

from __future__ import annotations

from gates.summary import counts, diff, tree
from tests.unit.gates.plans import plan, step

RECORD, ZONE, TABLE = "aws:route53/record:Record", "aws:route53/zone:Zone", "aws:dynamodb/table:Table"


def test_equal_changes_share_one_line_and_long_values_are_counted() -> None:
    changed = plan(
        *[step("update", RECORD, f"edge-{number}", keys=["records"]) for number in range(7)],
        step("replace", ZONE, "dns", keys=["name"]),
        step("delete", TABLE, "old"),
        step("same", TABLE, "kept"),
    )
    assert [" ".join(line.split()) for line in diff(changed)] == [
        "dns - Table old",
        "dns ± Zone dns: name",
        "dns ~ 7 Record edge-0, edge-1, edge-2, edge-3 and 3 more: records",
    ]
    assert counts(changed) == "7 to change, 1 to replace, 1 to delete, 1 unchanged"


def test_the_tree_counts_the_resources_after_the_apply() -> None:
    changed = plan(step("create", RECORD, "one"), step("same", RECORD, "two"), step("delete", RECORD, "three"))
    assert [" ".join(line.split()) for line in tree(changed.after())] == ["dns 2: 2 Record"]
