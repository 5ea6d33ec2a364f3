"""Tests that Pulumi detects changes that someone makes by hand, such as a disabled alarm or a policy that is added to a
role. Pulumi compares only the inputs that the program sets, so the program must set these inputs even if they have
their default values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.support.harness import Registered
from tests.support.stacks import ON_GOOGLE, PROD_WITH_ACCELERATOR, first_up

ROLE = "aws:iam/role:Role"
EXCLUSIVE = (
    "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
)
# Resource types that a person can disable by hand, such as alarms. Maps each type to the input that enables or disables
# the resource, and to the input's value while the resource is enabled.
ENABLED = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("actionsEnabled", True),
    "aws:cloudwatch/eventRule:EventRule": ("state", "ENABLED"),
    "gcp:monitoring/alertPolicy:AlertPolicy": ("enabled", True),
}


@pytest.fixture(params=[{}, ON_GOOGLE, PROD_WITH_ACCELERATOR], ids=["prod", "google", "pops"])
def resources(request: pytest.FixtureRequest) -> Sequence[Registered]:
    settings: Mapping[str, Any] = request.param
    return first_up("prod", settings).resources


def test_a_disabled_alarm_or_rule_is_detected(resources: Sequence[Registered]) -> None:
    kinds = [each for each in resources if each.type in ENABLED]
    assert kinds
    silent = [each.urn for each in kinds if each.inputs.get(ENABLED[each.type][0]) != ENABLED[each.type][1]]
    assert silent == []


@pytest.mark.parametrize("exclusive", EXCLUSIVE)
def test_a_policy_that_is_added_to_a_role_is_detected(resources: Sequence[Registered], exclusive: str) -> None:
    roles = [each.inputs["name"] for each in resources if each.type == ROLE]
    assert roles
    assert sorted(each.inputs["roleName"] for each in resources if each.type == exclusive) == sorted(roles)
