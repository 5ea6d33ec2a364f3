"""Policies for the WAF on Cloudflare: each zone that serves clients has rules that refuse requests, and no rule answers
a client with a challenge.
"""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import nist, our_design
from policies.framework.declare import Properties, each_resource, part, parts, setting, texts, whole_stack
from policies.rules.edge import CUSTOM_HOSTNAME, in_zone_of

RULESET = "cloudflare:index/ruleset:Ruleset"
_PHASES = ("http_request_firewall_custom", "http_ratelimit")
_CHALLENGES = frozenset({"challenge", "js_challenge", "managed_challenge"})
_REFUSES = "block"
# A skip rule of the WAF may skip only these phases and products. Each of them can challenge clients, and package
# managers cannot solve challenges.
_SKIPPED_PHASES = frozenset({"http_request_sbfm"})
_SKIPPED_PRODUCTS = frozenset({"bic", "hot", "securityLevel", "uaBlock"})
# The maximum number of requests per second that a rate limiting rule may accept from one client address at one
# Cloudflare data center. Even a large company whose clients share one address stays below this number.
_MOST_REQUESTS = 60_000
_CONSTANT = frozenset({"true", "false"})


@whole_stack(
    "cloudflare-zone-waf-enabled",
    "The zone of the clients' hostname refuses malformed requests, and floods from one address.",
    of={CUSTOM_HOSTNAME},
    severity=Severity.HIGH,
    control=nist("SC-5"),
    fix="Give the zone a cloudflare.Ruleset in http_request_firewall_custom and one in http_ratelimit, each with an "
    "enabled rule whose action is block",
)
def zone_waf_enabled(hostname: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    found = {str(each.props.get("phase")): each for each in in_zone_of(hostname, RULESET, stack)}
    for phase in _PHASES:
        if phase not in found:
            yield f"the zone has no rules in {phase}"
        elif not any(_refuses(rule) for rule in parts(found[phase].props, "rules")):
            yield f"no rule in {phase} blocks"


@each_resource(
    "cloudflare-rulesets-without-challenges",
    "No rule challenges a client, because clients of registries cannot solve challenges.",
    of={RULESET},
    severity=Severity.HIGH,
    control=our_design("clients of registries are programs"),
    fix="Use the action block, or remove the rule",
)
def rulesets_without_challenges(args: ResourceValidationArgs) -> Iterator[str]:
    for rule in parts(args.props, "rules"):
        if rule.get("action") in _CHALLENGES:
            yield f"the rule {rule.get('description') or rule.get('expression')} has the action {rule.get('action')}"


@each_resource(
    "cloudflare-rulesets-of-waf-only",
    "A zone has rules of the WAF only. Other rules could cache, redirect or change what the worker authorizes.",
    of={RULESET},
    severity=Severity.CRITICAL,
    control=our_design("authorization comes before any cache look-up"),
    fix="Remove the ruleset, or use the phase http_request_firewall_custom or http_ratelimit",
)
def rulesets_of_waf_only(args: ResourceValidationArgs) -> Iterator[str]:
    if args.props.get("phase") not in _PHASES:
        yield f"it has rules in {args.props.get('phase')}"
    for rule in parts(args.props, "rules"):
        if rule.get("action") not in (_REFUSES, "skip", *_CHALLENGES):
            yield f"the rule {rule.get('description') or rule.get('expression')} has the action {rule.get('action')}"


@each_resource(
    "cloudflare-rulesets-rules-effective",
    "Each rule is enabled and depends on the request. A rule skips no rule of the WAF, and a rate limit counts the "
    "requests of one address.",
    of={RULESET},
    severity=Severity.HIGH,
    control=nist("SC-5"),
    fix="Remove the rule, narrow its expression or what it skips, or lower the rate limit",
    config={"requests_per_second": {"type": "number", "default": _MOST_REQUESTS}},
)
def rules_effective(args: ResourceValidationArgs) -> Iterator[str]:
    for rule in parts(args.props, "rules"):
        title = rule.get("description") or rule.get("expression")
        if rule.get("enabled") is False:
            yield f"the rule {title} is disabled"
        if str(rule.get("expression")).strip(" ()").lower() in _CONSTANT:
            yield f"the rule {title} is for all requests or for none"
        if rule.get("action") == "skip":
            yield from (f"the rule {title} skips {each}" for each in _skipped(part(rule, "actionParameters")))
        if rule.get("ratelimit"):
            limit = part(rule, "ratelimit")
            if "ip.src" not in texts(limit.get("characteristics")):
                yield f"the rule {title} counts the requests of all addresses together"
            most = float(setting(args, "requests_per_second", _MOST_REQUESTS))
            if float(limit.get("requestsPerPeriod") or 0) > most * float(limit.get("period") or 1):
                yield f"the rule {title} lets more than {most:.0f} requests a second pass"


def _skipped(parameters: Properties) -> Iterator[str]:
    """Yields what a WAF rule skips although it must not: the names of phases and products, and the options `ruleset`,
    `rulesets` and `rules`, with which a rule skips other rules.
    """
    yield from (name for name in ("ruleset", "rulesets", "rules") if parameters.get(name))
    yield from sorted(set(texts(parameters.get("phases"))) - _SKIPPED_PHASES)
    yield from sorted(set(texts(parameters.get("products"))) - _SKIPPED_PRODUCTS)


def _refuses(rule: Properties) -> bool:
    return rule.get("action") == _REFUSES and rule.get("enabled") is not False


POLICIES: list[Policy] = [zone_waf_enabled, rulesets_without_challenges, rulesets_of_waf_only, rules_effective]
