"""Policies for the WAF on Cloudflare: each zone that serves clients has rules that refuse requests, and no rule answers
a client with a challenge.
"""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import nist, our_design
from policies.framework.declare import Properties, each_resource, parts, whole_stack
from policies.rules.edge import CUSTOM_HOSTNAME, in_zone_of

RULESET = "cloudflare:index/ruleset:Ruleset"
_PHASES = ("http_request_firewall_custom", "http_ratelimit")
_CHALLENGES = frozenset({"challenge", "js_challenge", "managed_challenge"})
_REFUSES = "block"


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


def _refuses(rule: Properties) -> bool:
    return rule.get("action") == _REFUSES and rule.get("enabled") is not False


POLICIES: list[Policy] = [zone_waf_enabled, rulesets_without_challenges, rulesets_of_waf_only]
