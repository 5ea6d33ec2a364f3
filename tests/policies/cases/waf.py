"""Test cases for the policies on the WAF."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource

from tests.policies.cases.edge import hostname
from tests.policies.cases.parts import Case
from tests.policies.resources import resource

RULESET = "cloudflare:index/ruleset:Ruleset"
CUSTOM, RATE_LIMIT = "http_request_firewall_custom", "http_ratelimit"
BLOCK = {"action": "block", "expression": 'http.request.method eq "TRACE"', "enabled": True}
LIMIT = {"characteristics": ["cf.colo.id", "ip.src"], "period": 10, "requestsPerPeriod": 600_000}
SKIP = {"action": "skip", "expression": "ip.src in {192.0.2.0/24}", "enabled": True}


def ruleset(phase: str, *rules: dict[str, Any], zone: str = "z") -> PolicyResource:
    return resource(RULESET, {"zoneId": zone, "kind": "zone", "phase": phase, "rules": list(rules)})


CASES = [
    Case("cloudflare-zone-waf-enabled", [hostname()], "the zone has no rules in", count=2),
    Case(
        "cloudflare-zone-waf-enabled",
        [hostname(), ruleset(CUSTOM, BLOCK, zone="other"), ruleset(RATE_LIMIT, BLOCK)],
        "the zone has no rules in http_request_firewall_custom",
    ),
    *[
        Case(
            "cloudflare-zone-waf-enabled",
            [hostname(), ruleset(CUSTOM, *rules), ruleset(RATE_LIMIT, BLOCK)],
            "no rule in http_request_firewall_custom blocks",
        )
        for rules in ([], [SKIP], [{**BLOCK, "enabled": False}], [{**BLOCK, "action": "log"}])
    ],
    Case("cloudflare-zone-waf-enabled", [hostname(), ruleset(CUSTOM, SKIP, BLOCK), ruleset(RATE_LIMIT, BLOCK)]),
    *[
        Case(
            "cloudflare-rulesets-without-challenges",
            [ruleset(CUSTOM, BLOCK, {**BLOCK, "action": action})],
            f'the rule http.request.method eq "TRACE" has the action {action}',
        )
        for action in ("challenge", "js_challenge", "managed_challenge")
    ],
    Case("cloudflare-rulesets-without-challenges", [ruleset(CUSTOM, BLOCK, SKIP)]),
    Case(
        "cloudflare-rulesets-of-waf-only",
        [ruleset("http_request_cache_settings")],
        "it has rules in http_request_cache_settings",
    ),
    Case(
        "cloudflare-rulesets-of-waf-only",
        [ruleset(CUSTOM, {**BLOCK, "action": "log"})],
        'the rule http.request.method eq "TRACE" has the action log',
    ),
    Case("cloudflare-rulesets-of-waf-only", [ruleset(CUSTOM, BLOCK, SKIP), ruleset(RATE_LIMIT, BLOCK)]),
    *[
        Case("cloudflare-rulesets-rules-effective", [ruleset(CUSTOM, {**BLOCK, **changed})], says)
        for changed, says in (
            ({"enabled": False}, "is disabled"),
            ({"expression": "(true)"}, "is for all requests or for none"),
            ({"expression": "false"}, "is for all requests or for none"),
            ({"action": "skip", "actionParameters": {"ruleset": "current"}}, "skips ruleset"),
            ({"action": "skip", "actionParameters": {"phases": ["http_ratelimit"]}}, "skips http_ratelimit"),
            ({"action": "skip", "actionParameters": {"products": ["waf"]}}, "skips waf"),
            ({"ratelimit": {**LIMIT, "characteristics": ["cf.colo.id"]}}, "of all addresses together"),
            ({"ratelimit": {**LIMIT, "requestsPerPeriod": 600_001}}, "more than 60000 requests a second"),
        )
    ],
    Case(
        "cloudflare-rulesets-rules-effective",
        [
            ruleset(
                CUSTOM, BLOCK, {**SKIP, "actionParameters": {"phases": ["http_request_sbfm"], "products": ["bic"]}}
            ),
            ruleset(RATE_LIMIT, {**BLOCK, "ratelimit": LIMIT}),
        ],
    ),
]
