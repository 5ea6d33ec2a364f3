"""Tests the rulesets that `Waf` creates in a Cloudflare zone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cloudflare import Cloudflare

from emulation.cloudflare import in_process
from emulation.cloudflare.zone_owner import active_zone
from emulation.providers import cloudflare as emulated_cloudflare
from infra.waf import Sources, WafArgs
from infra.waf.cloudflare import Waf
from tests.support.harness import deploy

ACCOUNT = "0" * 32


@pytest.fixture
def account(tmp_path: Path) -> Cloudflare:
    return in_process.client(tmp_path)


def rules_of(account: Cloudflare, args: WafArgs) -> dict[str, list[Any]]:
    """Deploys the WAF to a new zone. Returns the zone's rules for each phase of Cloudflare's ruleset engine."""
    zone = active_zone(account, ACCOUNT, "zone.test")
    deploy(lambda: Waf("waf", "test", zone, args), emulated_cloudflare.handlers(lambda: account))
    rulesets: Any = account.rulesets
    found = [rulesets.get(each.id, zone_id=zone) for each in rulesets.list(zone_id=zone)]
    assert {each.name for each in found} == {"test-waf"}
    return {each.phase: each.rules for each in found}


def test_a_zone_of_the_free_plan_gets_all_rules(account: Cloudflare) -> None:
    args = WafArgs(allow=Sources(["198.51.100.0/24"]), deny=Sources(countries=["SE"]))
    rules = rules_of(account, args)
    assert [(rule.ref, rule.action, rule.enabled) for rule in rules["http_request_firewall_custom"]] == [
        ("allow", "skip", True),
        ("deny", "block", True),
        ("exempt-from-challenges", "skip", True),
        ("methods", "block", True),
        ("malformed", "block", True),
    ]
    (limit,) = rules["http_ratelimit"]
    assert (limit.action, limit.ratelimit.period, limit.ratelimit.requests_per_period) == ("block", 10, 600_000)


def test_a_request_with_a_token_is_exempt_from_challenges_and_not_logged_for_it(account: Cloudflare) -> None:
    (rule, *_) = rules_of(account, WafArgs())["http_request_firewall_custom"]
    assert rule.action_parameters.to_dict() == {
        "phases": ["http_request_sbfm"],
        "products": ["bic", "hot", "securityLevel", "uaBlock"],
    }
    assert rule.logging.enabled is False
