"""The web application firewall on Cloudflare. It consists of rulesets in the Cloudflare zone that serves the hostname
of clients.

In each phase of request processing, Cloudflare allows one ruleset per zone. The zone therefore must not have other
rules in the phases that this component uses.
"""

from __future__ import annotations

import pulumi
import pulumi_cloudflare as cloudflare

from infra.waf import Bound, WafArgs
from infra.waf.rules import Rule, custom_rules, rate_limiting_rules

# Cloudflare's phases of request processing in which the firewall has rules. Each phase has one ruleset.
PHASES = ("http_request_firewall_custom", "http_ratelimit")


def ruleset_name(prefix: str) -> str:
    """Returns the name that all firewall rulesets in a stack's zone share."""
    return f"{prefix}-waf"


class Waf(pulumi.ComponentResource):
    """The rules by which Cloudflare refuses and limits requests before the edge worker runs."""

    def __init__(
        self,
        name: str,
        prefix: str,
        zone_id: pulumi.Input[str],
        args: WafArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("artifact-edge:edge:Waf", name, None, opts)
        custom = [_custom(rule) for rule in custom_rules(args)]
        limiting = [_rate_limiting(rule, args.by_address) for rule in rate_limiting_rules(args)]
        for phase, rules in zip(PHASES, (custom, limiting), strict=True):
            cloudflare.Ruleset(
                phase,
                zone_id=zone_id,
                kind="zone",
                name=ruleset_name(prefix),
                phase=phase,
                rules=rules,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


def _custom(rule: Rule) -> cloudflare.RulesetRuleArgsDict:
    shared: cloudflare.RulesetRuleArgsDict = {
        "action": "block" if rule.skip is None else "skip",
        "expression": rule.expression,
        "description": rule.name,
        "ref": rule.name,  # Cloudflare's logs of blocked requests show the `ref` of the rule that blocked the request
        "enabled": True,
    }
    if rule.skip is None:
        return shared
    parameters: cloudflare.RulesetRuleActionParametersArgsDict = {"phases": rule.skip.phases}
    if rule.skip.products:
        parameters["products"] = rule.skip.products
    return {**shared, "action_parameters": parameters, "logging": {"enabled": rule.logged}}


def _rate_limiting(rule: Rule, bound: Bound) -> cloudflare.RulesetRuleArgsDict:
    return {
        "action": "block",
        "expression": rule.expression,
        "description": rule.name,
        "ref": rule.name,
        "enabled": True,
        "ratelimit": {
            "characteristics": ["cf.colo.id", "ip.src"],
            "period": bound.seconds,
            "requests_per_period": bound.requests,
            # On the free plan, Cloudflare accepts only a mitigation timeout that equals the period.
            "mitigation_timeout": bound.seconds,
        },
    }
