"""Tests which resources an upgrade of a stack may not replace. Also tests the messages about replacements that a
reviewer has allowed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gates.settings import SettingsError
from gates.upgrade import Allowance, findings, read_allowances
from tests.unit.gates.plans import plan, step

TABLE, RECORD, RULE = "aws:dynamodb/table:Table", "aws:route53/record:Record", "aws:ec2/route:Route"


def allowance(resource: str) -> Allowance:
    return Allowance(stacks=["prod"], resource=resource, reason="copied by hand in the release notes' step 3")


def test_a_replaced_store_is_named_with_the_input_that_forces_it() -> None:
    upgraded = plan(step("replace", TABLE, "metadata", old={"hashKey": "pk"}, new={"hashKey": "id"}, keys=["hashKey"]))
    assert list(findings(upgraded)) == ["Table metadata: the upgrade would replace a store (because of hashKey)"]


def test_a_deleted_record_is_reported_as_reachable_by_clients() -> None:
    assert list(findings(plan(step("delete", RECORD, "edge-us")))) == [
        "Record edge-us: the upgrade would delete what clients reach"
    ]


def test_in_place_changes_and_stateless_replacements_are_safe() -> None:
    upgraded = plan(
        step("update", TABLE, "metadata", keys=["tags"]),
        step("create", RECORD, "edge-eu"),
        step("replace", RULE, "internet", keys=["gatewayId"]),
    )
    assert list(findings(upgraded)) == []


def test_an_allowance_covers_one_replacement_and_must_be_used() -> None:
    upgraded = plan(step("replace", TABLE, "metadata"))
    assert list(findings(upgraded, [allowance("Table metadata")])) == []
    assert list(findings(plan(step("same", TABLE, "metadata")), [allowance("Table metadata")])) == [
        "Table metadata: allowed, but the upgrade neither replaces nor deletes it; take the allowance out"
    ]


def test_an_allowance_needs_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "allowances.yaml"
    file.write_text("allowed:\n- {stacks: [prod], resource: Table metadata, reason: ok}\n")
    with pytest.raises(SettingsError, match=r"allowed\.0\.reason: string should have at least 20 characters"):
        read_allowances(file)
