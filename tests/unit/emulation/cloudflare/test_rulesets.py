"""Tests the API for a zone's rulesets on the emulated Cloudflare. The emulation has the limits of Cloudflare's Free
plan.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cloudflare
import pytest
from cloudflare import Cloudflare

from emulation.cloudflare.in_process import client
from emulation.cloudflare.zone_owner import active_zone

ACCOUNT = "0123456789abcdef0123456789abcdef"
CUSTOM, RATE_LIMIT = "http_request_firewall_custom", "http_ratelimit"
BLOCK = {"action": "block", "expression": 'http.request.method eq "TRACE"'}
RATE = {
    "characteristics": ["cf.colo.id", "ip.src"],
    "period": 10,
    "requests_per_period": 100,
    "mitigation_timeout": 10,
}
LIMIT = {"action": "block", "expression": 'starts_with(http.request.uri.path, "/")', "ratelimit": RATE}


@pytest.fixture
def api(tmp_path: Path) -> Cloudflare:
    return client(tmp_path)


@pytest.fixture
def zone(api: Cloudflare) -> str:
    return active_zone(api, ACCOUNT, "zone.test")


def create(api: Cloudflare, zone: str, phase: Any, *rules: Any) -> str:
    """Creates a ruleset of a Cloudflare zone, and returns the ruleset's id."""
    created: Any = api.rulesets.create(zone_id=zone, kind="zone", name="waf", phase=phase, rules=rules)
    return created["id"]  # Cloudflare's SDK returns a dictionary here, and not an object with attributes.


def refusal(api: Cloudflare, zone: str, phase: Any, *rules: Any) -> str:
    with pytest.raises(cloudflare.APIStatusError) as raised:
        create(api, zone, phase, *rules)
    (error,) = raised.value.errors
    return f"{raised.value.response.status_code} {error.code} {error.message}"


def test_a_ruleset_is_the_entry_point_of_its_phase(api: Cloudflare, zone: str) -> None:
    created = create(api, zone, CUSTOM, BLOCK)
    found: Any = api.rulesets.phases.get(CUSTOM, zone_id=zone)
    assert (found.id, found.version, [rule.expression for rule in found.rules]) == (
        created,
        "1",
        [BLOCK["expression"]],
    )
    changed: Any = api.rulesets.update(created, zone_id=zone, rules=[])
    assert (changed["version"], changed["rules"], changed["name"]) == ("2", [], "waf")
    api.rulesets.delete(created, zone_id=zone)
    with pytest.raises(cloudflare.NotFoundError, match="could not find entrypoint ruleset"):
        api.rulesets.phases.get(CUSTOM, zone_id=zone)


def test_a_phase_has_one_ruleset(api: Cloudflare, zone: str) -> None:
    create(api, zone, CUSTOM, BLOCK)
    assert refusal(api, zone, CUSTOM, BLOCK) == (
        "400 20217 'zone' is not a valid value for kind because exceeded maximum number of zone rulesets for phase "
        "http_request_firewall_custom"
    )
    create(api, zone, RATE_LIMIT, LIMIT)


def test_the_free_plan_has_five_custom_rules_and_one_rate_limiting_rule(api: Cloudflare, zone: str) -> None:
    assert "exceeded maximum number of rules" in refusal(api, zone, CUSTOM, *[BLOCK] * 6)
    assert "exceeded maximum number of rules" in refusal(api, zone, RATE_LIMIT, LIMIT, LIMIT)
    create(api, zone, CUSTOM, *[BLOCK] * 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"characteristics": ["ip.src"]}, "400 20155 characteristics field is missing 'cf.colo.id'"),
        (
            {"characteristics": ["cf.colo.id", 'http.request.headers["authorization"]']},
            "400 50002 not entitled to use the characteristics",
        ),
        ({"period": 60}, "400 50002 not entitled to use the period 60, can only use a period among [10]"),
        ({"mitigation_timeout": 60}, "400 50002 not entitled to use a mitigation timeout different from 10"),
        ({"counting_expression": "http.response.code eq 401"}, "501 10405 not emulated: POST"),
    ],
)
def test_a_rate_limiting_rule_has_the_limits_of_the_free_plan(
    api: Cloudflare, zone: str, changes: dict[str, Any], message: str
) -> None:
    assert refusal(api, zone, RATE_LIMIT, {**LIMIT, "ratelimit": {**RATE, **changes}}).startswith(message)


def test_a_rate_limiting_rule_of_the_free_plan_knows_the_path_only(api: Cloudflare, zone: str) -> None:
    rule = {**LIMIT, "expression": "ip.src in {192.0.2.0/24}"}
    assert "not entitled to use the fields ['ip.src']" in refusal(api, zone, RATE_LIMIT, rule)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({**BLOCK, "action": "managed_challenge"}, "not emulated: action managed_challenge"),
        ({**BLOCK, "expression": "cf.waf.score lt 20"}, "not emulated: field cf.waf.score"),
        ({**BLOCK, "expression": 'http.host matches "a"'}, "not emulated: operator matches"),
        ({**BLOCK, "expression": 'http.host ne "a"'}, "not emulated: operator ne"),
        ({**BLOCK, "expression": "ip.src in $blocked"}, "not emulated: a list"),
        ({**BLOCK, "expression": 'upper(http.host) eq "A"'}, "not emulated: function upper"),
        ({**BLOCK, "expression": "ip.src.asnum in {64496}"}, "not emulated: field ip.src.asnum"),
        ({**BLOCK, "expression": 'http.host eq "a" xor http.host eq "b"'}, "not emulated: operator xor"),
        ({**BLOCK, "expression": "ip.src in {192.0.2.0/33}"}, "'192.0.2.0/33' is not of type ip"),
        ({**BLOCK, "expression": "ip.src in {192.0.2.1/24}"}, "'192.0.2.1/24' is not of type ip"),
        ({**BLOCK, "expression": "http.host eq 1"}, "'1' is not of type string"),
        ({**BLOCK, "expression": 'http.host eq "a" and'}, "'the end' where 'a value' is expected"),
        ({**BLOCK, "expression": 'http.host eq "a" "b"'}, "unexpected '\"b\"'"),
        ({**BLOCK, "expression": f'http.host eq "{"a" * 4096}"'}, "at most 4096 are allowed"),
        ({**BLOCK, "action": "skip"}, "a skip rule needs phases"),
        (
            {**BLOCK, "action": "skip", "action_parameters": {"products": ["botFightMode"]}},
            "'botFightMode' is not a valid value for products",
        ),
        ({**BLOCK, "ratelimit": RATE}, "has no ratelimit"),
        ({**BLOCK, "exposed_credential_check": {}}, "not emulated: POST"),
    ],
)
def test_a_rule_that_the_pops_do_not_evaluate_is_refused_by_name(
    api: Cloudflare, zone: str, rule: dict[str, Any], message: str
) -> None:
    assert message in refusal(api, zone, CUSTOM, rule)


def test_a_ruleset_of_another_phase_or_kind_is_not_emulated(api: Cloudflare, zone: str) -> None:
    assert "the phase http_request_firewall_managed" in refusal(api, zone, "http_request_firewall_managed")
    with pytest.raises(cloudflare.APIStatusError, match="a ruleset of kind custom"):
        api.rulesets.create(zone_id=zone, kind="custom", name="waf", phase=CUSTOM)
