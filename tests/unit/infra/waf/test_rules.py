"""Tests which requests the WAF rules on Cloudflare refuse. Also tests that Cloudflare's parser accepts the rules."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from octorules_wirefilter import parse_expression

from emulation.cloudflare.expressions import parse
from infra.waf import FLEET_RUNNERS, INSTALLED_PACKAGES, Bound, Sources, WafArgs
from infra.waf.plans import MOST_EXPRESSION_CHARACTERS, PLANS, lacks
from infra.waf.rules import custom_rules, rate_limiting_rules
from tests.support.registry_requests import REFUSED, SERVED

EVERYTHING = WafArgs(
    allow=Sources(["198.51.100.0/24", "2001:db8::/32"], [64496], ["SE"]),
    deny=Sources(["192.0.2.0/24"], [64497], ["NO", "DK"]),
)
ARGUMENTS = (WafArgs(), EVERYTHING, WafArgs(allow=Sources(asns=[1])), WafArgs(deny=Sources(countries=["SE"])))

# The fields that rate limiting rules may use on every Cloudflare plan.
FIELDS_OF_RATE_LIMITING_RULES = {"http.request.uri.path"}


@pytest.mark.parametrize("args", ARGUMENTS)
def test_cloudflares_parser_accepts_each_rule(args: WafArgs) -> None:
    rules = [*custom_rules(args), *rate_limiting_rules(args)]
    assert {rule.name: parse_expression(rule.expression).get("error") for rule in rules} == {
        rule.name: None for rule in rules
    }


@pytest.mark.parametrize("args", ARGUMENTS)
def test_every_plan_has_what_the_rules_need(args: WafArgs) -> None:
    custom = {rule.name: rule.expression for rule in custom_rules(args)}
    limiting = {rule.name: rule.expression for rule in rate_limiting_rules(args)}
    for plan in PLANS:
        assert list(lacks(plan, args.by_address.seconds, custom, limiting)) == []
    for rule in rate_limiting_rules(args):
        assert {*parse_expression(rule.expression)["fields"]} <= FIELDS_OF_RATE_LIMITING_RULES
    for rule in custom_rules(args):
        # Only Cloudflare's larger plans allow regular expressions in rules. The rules must therefore not contain any.
        assert parse_expression(rule.expression)["regex_literals"] == []


def test_what_a_plan_lacks_is_named_with_the_remedy() -> None:
    rules = {str(number): "true" for number in range(6)}
    assert list(lacks("free", 60, rules, {"a": "", "b": ""})) == [
        ("plan", "'free' has 5 custom rules, and 6 are needed; use a larger plan"),
        ("plan", "'free' has 1 rate limiting rules, and 2 are needed; use a larger plan"),
        ("address_seconds", "60 is no period of the plan 'free'; use 10, or the plan 'pro'"),
    ]
    ((subject, reason),) = lacks("pro", 7, {}, {})
    assert (subject, reason) == (
        "address_seconds",
        "7 is no period of the plan 'pro'; use 10, 15, 20, 30, 40, 45, 60",
    )
    ((subject, reason),) = lacks("pro", 10, {"deny": "a" * 5000}, {})
    assert (subject, reason.split(";")[0]) == (
        "deny",
        f"the rule has 5000 characters, and Cloudflare takes {MOST_EXPRESSION_CHARACTERS}",
    )


def test_the_rules_stand_in_an_order_that_lets_an_allowed_source_skip_only_the_rate_limit() -> None:
    rules = custom_rules(EVERYTHING)
    assert [rule.name for rule in rules] == ["allow", "deny", "exempt-from-challenges", "methods", "malformed"]
    assert rules[0].skip and list(rules[0].skip.phases) == ["http_ratelimit"]
    assert rules[1].expression.endswith(
        ' and not (ip.src in {198.51.100.0/24 2001:db8::/32} or ip.src.asnum in {64496} or ip.src.country in {"SE"})'
    )


_SCRIPT = """
import { blocked, fieldsOf } from %s;
const { rulesets, requests } = JSON.parse(process.argv[1]);
const send = ([method, path, headers, address = "203.0.113.1", times = 1]) => {
  const request = { method, url: `https://packages.example.com${path}`, headers: new Headers(headers) };
  const fields = fieldsOf(request, address, "US");
  let status = 0;
  for (let sent = 0; sent < times; sent += 1) status = blocked(rulesets, fields, counters, 0)?.status ?? 0;
  return status;
};
const counters = new Map();
console.log(JSON.stringify(requests.map(send)));
"""


def statuses(args: WafArgs, requests: Sequence[Sequence[Any]]) -> list[int]:
    """Sends requests to the emulated firewall of a PoP. Returns the status with which the firewall refuses each
    request, or 0 if it accepts the request.

    Each item of `requests` has the method, the path and the headers of a request. The item can also have the client's
    address, and the number of times to send the request.
    """
    rules = Path(__file__).parents[4] / "emulation" / "cloudflare" / "pop" / "rules.js"
    custom = [
        {
            "id": rule.name,
            "action": "skip" if rule.skip else "block",
            "expression": parse(rule.expression),
            "phases": list(rule.skip.phases) if rule.skip else [],
        }
        for rule in custom_rules(args)
    ]
    bound = args.by_address
    limiting: list[Mapping[str, Any]] = [
        {
            "id": rule.name,
            "action": "block",
            "expression": parse(rule.expression),
            "period": bound.seconds,
            "requests": bound.requests,
            "timeout": bound.seconds,
        }
        for rule in rate_limiting_rules(args)
    ]
    rulesets = {"http_request_firewall_custom": custom, "http_ratelimit": limiting}
    given = json.dumps({"rulesets": rulesets, "requests": requests})
    result = subprocess.run(
        ["node", "--input-type=module", "--eval", _SCRIPT % json.dumps(rules.as_uri()), given],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")


@needs_node
def test_no_request_of_a_client_is_refused() -> None:
    found = statuses(WafArgs(), SERVED)
    assert dict(zip([f"{method} {path}" for method, path, _ in SERVED], found, strict=True)) == {
        f"{method} {path}": 0 for method, path, _ in SERVED
    }


@needs_node
def test_attacks_are_refused() -> None:
    found = statuses(WafArgs(), REFUSED)
    assert dict(zip([f"{method} {path[:40]}" for method, path, _ in REFUSED], found, strict=True)) == {
        f"{method} {path[:40]}": 403 for method, path, _ in REFUSED
    }


@needs_node
def test_denied_sources_are_refused_unless_they_are_allowed() -> None:
    args = WafArgs(allow=Sources(["192.0.2.128/25"]), deny=Sources(["192.0.2.0/24", "2001:db8::/32"], countries=["SE"]))
    sent: list[list[Any]] = [
        ["GET", "/healthz", {}, address] for address in ("192.0.2.1", "192.0.2.200", "203.0.113.1")
    ]
    assert statuses(args, sent) == [403, 0, 0]


@needs_node
def test_a_fleet_behind_one_address_is_never_slowed_and_a_flood_is() -> None:
    install = INSTALLED_PACKAGES * 2
    assert WafArgs().by_address.requests == FLEET_RUNNERS * install
    # The fleet and the limit of this test are a hundredth of those above, because the emulated firewall needs seconds
    # for a full fleet's requests.
    runners, layers = FLEET_RUNNERS // 100, 40
    limit = Bound(runners * install, WafArgs().by_address.seconds)
    clients: list[list[Any]] = [
        ["GET", "/npm/left-pad", {}, "203.0.113.1", install],
        ["GET", "/npm/left-pad", {}, "203.0.113.2", runners * install],
        ["GET", "/v2/acme/web/blobs/sha256:" + "a" * 64, {}, "203.0.113.3", runners * layers],
        # One request more than the fleet at this address may send.
        ["GET", "/npm/left-pad", {}, "203.0.113.2"],
    ]
    assert statuses(WafArgs(by_address=limit), clients) == [0, 0, 0, 429]
    flood: list[Any] = ["GET", "/npm/left-pad", {}, "203.0.113.4", runners * install + 1]
    allowed = WafArgs(allow=Sources(["203.0.113.0/24"]), by_address=limit)
    assert statuses(allowed, [flood]) == [0]
