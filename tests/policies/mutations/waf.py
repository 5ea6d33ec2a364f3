"""Harmful changes to the WAF of a stack. Tests make each change, and a policy must report it."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import add_resource, put, remove

RULESET = "cloudflare:index/ruleset:Ruleset"

HOSTNAME = "cloudflare:index/customHostname:CustomHostname"

MUTATIONS = [
    Mutation(
        "cloudflare-zone-waf-enabled", [HOSTNAME], "another zone", add_resource(HOSTNAME, zoneId="x", hostname="x.io")
    ),
    Mutation("cloudflare-zone-waf-enabled", [RULESET], "no rules of a phase", remove),
    Mutation("cloudflare-zone-waf-enabled", [RULESET], "an empty list of rules", put("rules", [])),
    Mutation(
        "cloudflare-rulesets-without-challenges", [RULESET], "a challenge", put("rules.0.action", "managed_challenge")
    ),
    Mutation(
        "cloudflare-rulesets-of-waf-only", [RULESET], "rules for the cache", put("phase", "http_request_cache_settings")
    ),
    Mutation("cloudflare-rulesets-rules-effective", [RULESET], "a disabled rule", put("rules.0.enabled", False)),
]
