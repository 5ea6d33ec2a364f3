"""Probe of the firewall rules of a Cloudflare zone. Checks how many rules a zone can have, how long a rule can be, and
which requests the rules refuse. Also checks which fields of a rule contain the path of a URL as the client sent it, and
which fields contain the normalized path.

The zone must not have custom rules or rate limiting rules of its own. Each phase of a zone can have only one ruleset,
and the probe creates this ruleset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from probes.fact import Fact, Probe, ProbeError
from probes.zone import Zone

_CUSTOM, _RATE_LIMIT = "http_request_firewall_custom", "http_ratelimit"
_FREE_PLAN = "Free Website"
# The maximum length of a firewall rule's expression, in characters.
_EXPRESSION_MAX = 4096
_REQUESTS = 2
# The probe sends more requests than a rate limiting rule allows. Cloudflare can answer a few requests above the limit
# before it refuses the client's address (WAF, "Rate limiting rules").
_SENT = 100
_READY = "export default { fetch: () => new Response('ready') };"

Rule = Mapping[str, Any]


def _rules(zone: Zone) -> Iterator[Fact]:
    if any(each.phase in (_CUSTOM, _RATE_LIMIT) for each in zone.api.rulesets.list(zone_id=zone.id)):
        raise ProbeError("the zone has custom rules or rate limiting rules of its own; use another zone")
    zone.deploy(_READY, {"default": False}, cross_version=True)
    zone.later(zone.api.workers.scripts.delete, zone.name, account_id=zone.account)
    zone.publish()
    host = f'http.host eq "{zone.host()}"'
    yield from _limits(zone)
    block = [
        _block(f'{host} and http.request.uri.path eq "/blocked"'),
        _block(f'{host} and lower(raw.http.request.uri.path) contains "%2e"'),
    ]
    _create(zone, _CUSTOM, block)
    code = zone.refusal(zone.api.rulesets.create, **_ruleset(zone, _CUSTOM, block))
    yield Fact("a phase of a zone has one ruleset", code != "accepted", code)
    zone.until(lambda: zone.send("/blocked").status_code == 403, "no rule blocks a request")
    yield Fact("a rule blocks a request before the worker runs", True, "403")
    status = zone.send("//blocked").status_code
    yield Fact("a rule sees the normalized path", status == 403, str(status))
    status = zone.send("/%2E%2E/ready").status_code
    yield Fact("the raw field has the path as it was sent", status == 403, str(status))
    _create(zone, _RATE_LIMIT, [_limit('http.request.uri.path eq "/limited"')])
    answers = [zone.send("/limited").status_code for _ in range(_SENT)]
    observed = f"{answers.count(200)} of {_SENT} requests answered"
    yield Fact("an address above the limit is refused", answers[-1] == 429, observed)
    status = zone.send("/other").status_code
    yield Fact("the address may request what no rule names", status == 200, str(status))


def _limits(zone: Zone) -> Iterator[Fact]:
    """Checks which rules of a zone Cloudflare refuses. Checks the limits of the Free plan only if the zone has this
    plan.
    """
    long = _block(f'http.host eq "{"a" * _EXPRESSION_MAX}"')
    cases = [
        (f"an expression of more than {_EXPRESSION_MAX:,} characters", _CUSTOM, [long]),
        ("a rate limiting rule without cf.colo.id", _RATE_LIMIT, [_limit('http.host eq "a"', ["ip.src"])]),
    ]
    if zone.plan == _FREE_PLAN:
        path = 'http.request.uri.path eq "/limited"'
        cases += [
            ("a sixth custom rule on the Free plan", _CUSTOM, [_block(f'http.host eq "{n}"') for n in range(6)]),
            ("a second rate limiting rule on the Free plan", _RATE_LIMIT, [_limit(path), _limit(path)]),
            ("a period of 60 s on the Free plan", _RATE_LIMIT, [_limit(path, period=60)]),
            (
                "a rate limiting rule for a method on the Free plan",
                _RATE_LIMIT,
                [_limit('http.request.method eq "PUT"')],
            ),
        ]
    for text, phase, rules in cases:
        code = zone.refusal(zone.api.rulesets.create, **_ruleset(zone, phase, rules))
        if code == "accepted":
            _delete(zone, phase)
        yield Fact(f"{text} is refused", code != "accepted", code)


def _block(expression: str) -> Rule:
    return {"action": "block", "expression": expression}


def _limit(expression: str, characteristics: Sequence[str] = ("cf.colo.id", "ip.src"), period: int = 10) -> Rule:
    rate = {
        "characteristics": list(characteristics),
        "period": period,
        "requests_per_period": _REQUESTS,
        "mitigation_timeout": 10,
    }
    return {**_block(expression), "ratelimit": rate}


def _ruleset(zone: Zone, phase: str, rules: Sequence[Rule]) -> Mapping[str, Any]:
    return {"zone_id": zone.id, "kind": "zone", "name": zone.name, "phase": phase, "rules": rules}


def _create(zone: Zone, phase: str, rules: Sequence[Rule]) -> None:
    zone.api.rulesets.create(**_ruleset(zone, phase, rules))
    zone.later(_delete, zone=zone, phase=phase)


def _delete(zone: Zone, phase: str) -> None:
    for each in list(zone.api.rulesets.list(zone_id=zone.id)):
        if each.phase == phase:
            zone.api.rulesets.delete(each.id, zone_id=zone.id)


PROBES = (Probe("zone-rules", 'Cloudflare WAF, "Custom rules" and "Rate limiting rules"', _rules),)
