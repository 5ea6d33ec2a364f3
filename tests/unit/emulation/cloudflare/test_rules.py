"""Tests the WAF rules of a Cloudflare zone in an emulated PoP: which requests they match, and which requests they
block.
"""

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

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")

RULES = Path(__file__).parents[4] / "emulation" / "cloudflare" / "pop" / "rules.js"
GET: Mapping[str, Any] = {
    "method": "GET",
    "url": "https://h.test/npm/left-pad?a=1",
    "headers": {},
    "address": "192.0.2.1",
}

# Each item consists of the expression of a WAF rule, a request that matches it, and a request that does not match. The
# requests list only the fields in which they differ from `GET` above.
EXPRESSIONS: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = (
    ('http.request.method eq "TRACE"', {"method": "TRACE"}, {}),
    ('not http.request.method in {"GET" "HEAD"}', {"method": "PUT"}, {"method": "HEAD"}),
    ('!(http.host == "h.test")', {"url": "https://other.test/"}, {}),
    ("ip.src in {198.51.100.0/24 2001:db8::/32}", {"address": "198.51.100.255"}, {"address": "198.51.101.0"}),
    ("ip.src eq 198.51.100.7", {"address": "198.51.100.7"}, {"address": "198.51.100.8"}),
    ("ip.src in {0.0.0.0/0}", {"address": "203.0.113.9"}, {"address": "never"}),
    ('ip.src.country in {"SE" "NO"}', {"country": "NO"}, {"country": "DE"}),
    ('http.request.uri.path eq "/a/c"', {"url": "https://h.test//a/./b/../%63?x=%2e"}, {"url": "https://h.test/a%2Fc"}),
    ('http.request.uri.path eq "/a/"', {"url": "https://h.test/a/b/.."}, {"url": "https://h.test/a"}),
    (
        'lower(raw.http.request.uri.path) contains "%2e"',
        {"url": "https://h.test/%2E%2E/"},
        {"url": "https://h.test/?%2e"},
    ),
    ('raw.http.request.uri.path contains "/.."', {"url": "https://h.test/a/../b"}, {"url": "https://h.test/a..b"}),
    ('raw.http.request.uri.path contains "\\\\"', {"url": "https://h.test/a\\b"}, {}),
    ("len(raw.http.request.uri) gt 10", {"url": "https://h.test/12345678?a"}, {"url": "https://h.test/1234567?a"}),
    ('len(http.request.headers["authorization"][0]) gt 0', {"headers": {"authorization": "Bearer a"}}, {}),
    (
        "any(len(http.request.headers.values[*])[*] gt 3)",
        {"headers": {"a": "1", "b": "1234"}},
        {"headers": {"a": "123"}},
    ),
    ('any(http.request.headers["a"][*] eq "1")', {"headers": {"a": "1"}}, {"headers": {"b": "1"}}),
    ('starts_with(http.request.uri.path, "/npm/")', {}, {"url": "https://h.test/pypi/"}),
    (
        'http.host eq "h.test" and http.request.method eq "PUT" or ip.src in {203.0.113.1}',
        {"method": "PUT"},
        {"address": "203.0.113.2"},
    ),
    (
        '(http.host eq "h.test" or http.request.headers.truncated) and not ip.src in {203.0.113.1}',
        {},
        {"address": "203.0.113.1"},
    ),
)

_SCRIPT = """
import { blocked, fieldsOf, matches } from %s;
const { cases } = JSON.parse(process.argv[1]);
const fields = ({ headers, address, country, ...sent }) =>
  fieldsOf({ ...sent, headers: new Headers(headers) }, address, country ?? "US");
const counters = new Map();
const answer = ({ request, expression, rulesets, seconds }) =>
  expression
    ? matches(expression, fields(request))
    : (blocked(rulesets, fields(request), counters, seconds * 1000)?.status ?? 0);
console.log(JSON.stringify(cases.map(answer)));
"""


def evaluated(cases: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Evaluates WAF rules with the JavaScript code of an emulated PoP. Returns one result for each case. If the case
    has an `expression`, the result is whether the expression matches the request. If the case has `rulesets`, the
    result is the HTTP status with which a rule blocks the request, or 0.
    """
    script = _SCRIPT % json.dumps(RULES.as_uri())
    command = ["node", "--input-type=module", "--eval", script, json.dumps({"cases": list(cases)})]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_each_expression_matches_the_requests_that_it_describes() -> None:
    requests = [({**GET, **request}, text) for text, *pair in EXPRESSIONS for request in pair]
    results = evaluated([{"request": request, "expression": parse(text)} for request, text in requests])
    assert dict(zip(range(len(results)), results, strict=True)) == {
        number: number % 2 == 0 for number in range(2 * len(EXPRESSIONS))
    }


def test_cloudflares_parser_accepts_each_expression() -> None:
    assert {text: parse_expression(text).get("error") for text, *_ in EXPRESSIONS} == {
        text: None for text, *_ in EXPRESSIONS
    }


def rule(action: str, expression: str, **others: Any) -> Mapping[str, Any]:
    return {"id": expression, "action": action, "expression": parse(expression), "phases": [], **others}


def test_an_address_over_the_limit_is_refused_until_the_timeout_ends_and_no_other_address() -> None:
    limit = rule("block", 'starts_with(http.request.uri.path, "/")', period=10, requests=2, timeout=10)
    rulesets = {"http_ratelimit": [limit]}
    sent = [
        ("192.0.2.1", 0, 0),
        ("192.0.2.1", 1, 0),
        ("192.0.2.1", 2, 429),
        ("192.0.2.2", 2, 0),
        ("192.0.2.1", 11, 429),
        ("192.0.2.1", 12, 0),
    ]
    cases = [{"request": {**GET, "address": it}, "rulesets": rulesets, "seconds": at} for it, at, _ in sent]
    assert evaluated(cases) == [status for *_, status in sent]


def test_a_counter_starts_anew_after_its_period() -> None:
    limit = rule("block", 'starts_with(http.request.uri.path, "/")', period=10, requests=1, timeout=10)
    cases = [{"request": GET, "rulesets": {"http_ratelimit": [limit]}, "seconds": at} for at in (0, 10, 20)]
    assert evaluated(cases) == [0, 0, 0]


def test_a_skip_rule_lifts_the_rate_limit_and_a_later_custom_rule_still_blocks() -> None:
    rulesets = {
        "http_request_firewall_custom": [
            rule("skip", "ip.src in {192.0.2.1}", phases=["http_ratelimit"]),
            rule("block", 'http.request.method eq "TRACE"'),
        ],
        "http_ratelimit": [rule("block", 'http.host eq "h.test"', period=10, requests=0, timeout=10)],
    }
    requests = [GET, {**GET, "address": "192.0.2.2"}, {**GET, "method": "TRACE"}]
    assert evaluated([{"request": each, "rulesets": rulesets, "seconds": 0} for each in requests]) == [0, 429, 403]
