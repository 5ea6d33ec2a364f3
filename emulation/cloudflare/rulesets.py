"""Serves the Cloudflare API for the rules of a zone: custom rules and rate limiting rules of the WAF.

Each phase of a zone has one ruleset, which Cloudflare calls the entry point of the phase. Each emulated zone has the
limits of the Free plan.

Sources: Cloudflare Ruleset Engine, "Rulesets API"; Cloudflare WAF, "Custom rules" and "Rate limiting rules",
"Availability". Error codes and error messages are from reports of users, because Cloudflare does not document them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response

from emulation.cloudflare import expressions
from emulation.cloudflare.envelope import ApiError, Json, body, new_id, now, success, take
from emulation.cloudflare.existing import existing, existing_zone
from emulation.state_store import StateStore

CUSTOM, RATE_LIMIT = "http_request_firewall_custom", "http_ratelimit"
# The emulation has two phases of a zone's rules: custom rules and rate limiting rules. `_MOST_RULES` maps each phase to
# the maximum number of its rules on Cloudflare's Free plan. `_ACTIONS` maps each phase to the actions that the
# emulation supports.
_MOST_RULES = {CUSTOM: 5, RATE_LIMIT: 1}
_ACTIONS = {CUSTOM: ("block", "skip"), RATE_LIMIT: ("block",)}
# The phases and products of Cloudflare that a custom rule can skip (WAF, "Available skip options"). The emulation
# accepts all of these names. However, the emulation has only the phase for rate limits, so the other names have no
# effect.
_SKIPPABLE_PHASES = (RATE_LIMIT, "http_request_sbfm", "http_request_firewall_managed")
_SKIPPABLE_PRODUCTS = ("zoneLockdown", "uaBlock", "bic", "hot", "securityLevel", "rateLimit", "waf")
# The options that a rate limiting rule may have on Cloudflare's Free plan: the period in seconds, the timeout in
# seconds, the characteristics by which requests are counted, and the request fields that the rule's expression may
# read.
_PERIODS, _TIMEOUTS, _CHARACTERISTICS = (10,), (10,), ("ip.src",)
_RATE_FIELDS = ("http.request.uri.path",)
_RULE_OPTIONS = ("action_parameters", "description", "enabled", "id", "logging", "ratelimit", "ref")

_NO_RULESET = 10003
_TOO_MANY_RULESETS = 20217
_NO_COLO = 20155
_NOT_ENTITLED = 50002
_INVALID = 20021


def blueprint(store: StateStore, converge: Callable[[], None]) -> Blueprint:
    """Returns the Cloudflare API endpoints below /zones/<zone>/rulesets."""
    rulesets = Blueprint("rulesets", __name__, url_prefix="/zones/<zone>/rulesets")

    @rulesets.get("")
    def list_rulesets(zone: str) -> Response:
        existing_zone(store, zone)
        found = store.all("ruleset", zone)
        return success([{name: each[name] for name in each if name != "rules"} for each in found])

    @rulesets.post("")
    def create(zone: str) -> Response:
        existing_zone(store, zone)
        given = take(body(), required=["kind", "name", "phase"], optional=["description", "rules"])
        if given["kind"] != "zone" or given["phase"] not in _MOST_RULES:
            what = f"a ruleset of kind {given['kind']} in the phase {given['phase']}"
            raise ApiError(501, 10405, f"not emulated: {what} (only zone, in {' and '.join(_MOST_RULES)})")
        if _entry_point(store, zone, given["phase"]) is not None:
            raise ApiError(
                400,
                _TOO_MANY_RULESETS,
                "'zone' is not a valid value for kind because exceeded maximum number of zone rulesets for phase "
                f"{given['phase']}",
            )
        known = {"id": new_id(), **{name: given[name] for name in ("kind", "name", "phase")}, "version": "0"}
        return success(_put(store, zone, known, given, converge))

    @rulesets.get("/phases/<phase>/entrypoint")
    def entry_point(zone: str, phase: str) -> Response:
        existing_zone(store, zone)
        found = _entry_point(store, zone, phase)
        if found is None:
            raise ApiError(404, _NO_RULESET, f"could not find entrypoint ruleset in the {phase} phase")
        return success(found)

    @rulesets.get("/<ruleset>")
    def get(zone: str, ruleset: str) -> Response:
        return success(_existing(store, zone, ruleset))

    @rulesets.put("/<ruleset>")
    def update(zone: str, ruleset: str) -> Response:
        # The name, the kind and the phase of a ruleset cannot change (Rulesets API, "Update and deploy rulesets").
        given = take(body(), optional=["description", "rules"])
        return success(_put(store, zone, _existing(store, zone, ruleset), given, converge))

    @rulesets.delete("/<ruleset>")
    def delete(zone: str, ruleset: str) -> Response:
        _existing(store, zone, ruleset)
        store.remove("ruleset", zone, ruleset)
        converge()
        return Response(status=204)

    return rulesets


def evaluated(store: StateStore, zone: str) -> dict[str, list[Json]]:
    """Returns a mapping from each phase of a zone to the enabled rules of the phase, in the form that `pop/rules.js`
    evaluates.
    """
    return {
        each["phase"]: [_compiled(rule) for rule in each["rules"] if rule["enabled"]]
        for each in store.all("ruleset", zone)
    }


def _existing(store: StateStore, zone: str, ruleset: str) -> Json:
    existing_zone(store, zone)
    return existing(store, "ruleset", zone, ruleset, _NO_RULESET, f"could not find ruleset {ruleset}")


def _entry_point(store: StateStore, zone: str, phase: str) -> Json | None:
    return next((each for each in store.all("ruleset", zone) if each["phase"] == phase), None)


def _put(store: StateStore, zone: str, known: Json, given: Json, converge: Callable[[], None]) -> Json:
    rules: Sequence[Json] = given.get("rules", known.get("rules", []))
    phase: str = known["phase"]
    if len(rules) > _MOST_RULES[phase]:
        raise ApiError(
            400, _TOO_MANY_RULESETS, f"exceeded maximum number of rules in the phase {phase}: {_MOST_RULES[phase]}"
        )
    document: Json = {
        **known,
        "description": given.get("description", known.get("description", "")),
        "rules": [_rule(phase, rule) for rule in rules],
        "version": str(int(known["version"]) + 1),
        "last_updated": now(),
    }
    store.put("ruleset", zone, document["id"], document)
    converge()
    return document


def _rule(phase: str, given: Json) -> Json:
    rule = take(_without_nulls(given), required=["action", "expression"], optional=_RULE_OPTIONS)
    action: str = rule["action"]
    if action not in _ACTIONS[phase]:
        raise ApiError(501, 10405, f"not emulated: action {action} in {phase} (only {', '.join(_ACTIONS[phase])})")
    fields = expressions.fields_of(rule["expression"])
    if action == "skip":
        _check_skip(rule.get("action_parameters", {}))
    elif "action_parameters" in rule:
        raise ApiError(501, 10405, "not emulated: a block with action_parameters")
    if (phase == RATE_LIMIT) != ("ratelimit" in rule):
        raise ApiError(400, _INVALID, f"a rule in {phase} {'needs' if phase == RATE_LIMIT else 'has no'} ratelimit")
    if phase == RATE_LIMIT:
        _check_rate(rule["ratelimit"], fields)
    id = rule.get("id") or new_id()
    return {"description": "", "enabled": True, "ref": id, **rule, "id": id, "version": "1", "last_updated": now()}


def _check_skip(parameters: Json) -> None:
    given = take(parameters, optional=["phases", "products", "ruleset"])
    for name, known in (("phases", _SKIPPABLE_PHASES), ("products", _SKIPPABLE_PRODUCTS)):
        for each in given.get(name, []):
            if each not in known:
                raise ApiError(400, _INVALID, f"{each!r} is not a valid value for {name}")
    if given.get("ruleset", "current") != "current" or not given:
        raise ApiError(400, _INVALID, "a skip rule needs phases, products or ruleset current")


def _check_rate(parameters: Json, fields: Sequence[str]) -> None:
    """Raises ApiError for a rate limiting rule with options that Cloudflare's Free plan does not allow."""
    given = take(
        parameters,
        required=["characteristics", "period", "requests_per_period", "mitigation_timeout"],
        optional=["requests_to_origin"],
    )
    if "cf.colo.id" not in given["characteristics"]:
        raise ApiError(
            400,
            _NO_COLO,
            "characteristics field is missing 'cf.colo.id', this is required as ratelimiting counting is processed at "
            "colocation level only",
        )
    if others := sorted({*given["characteristics"]} - {"cf.colo.id", *_CHARACTERISTICS}):
        raise ApiError(400, _NOT_ENTITLED, f"not entitled to use the characteristics {others}")
    if given["period"] not in _PERIODS:
        raise ApiError(
            400,
            _NOT_ENTITLED,
            f"not entitled to use the period {given['period']}, can only use a period among {list(_PERIODS)}",
        )
    if given["mitigation_timeout"] not in _TIMEOUTS:
        raise ApiError(400, _NOT_ENTITLED, f"not entitled to use a mitigation timeout different from {_TIMEOUTS[0]}")
    if given.get("requests_to_origin"):
        raise ApiError(400, _NOT_ENTITLED, "not entitled to exclude cached assets")
    if others := sorted({*fields} - {*_RATE_FIELDS}):
        raise ApiError(400, _NOT_ENTITLED, f"not entitled to use the fields {others} in a rate limiting rule")


def _compiled(rule: Json) -> Json:
    parameters: Mapping[str, Any] = rule.get("action_parameters", {})
    rate: Mapping[str, Any] = rule.get("ratelimit", {})
    return {
        "id": rule["id"],
        "action": rule["action"],
        "expression": expressions.parse(rule["expression"]),
        "phases": parameters.get("phases", []),
        "skipsRest": "ruleset" in parameters,
        **(
            {
                "period": rate["period"],
                "requests": rate["requests_per_period"],
                "timeout": rate["mitigation_timeout"],
            }
            if rate
            else {}
        ),
    }


def _without_nulls(given: Json) -> Json:
    return {name: value for name, value in given.items() if value is not None}
