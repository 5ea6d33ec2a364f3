"""The limits that each of Cloudflare's plans sets on the firewall rules of a zone.

Sources, read on 2026-11-27: Cloudflare WAF, "Custom rules" and "Rate limiting rules", each in the section
"Availability"; Ruleset Engine, "Expressions", "Maximum rule expression length".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

PlanName = Literal["free", "pro", "business", "enterprise"]

MOST_EXPRESSION_CHARACTERS = 4096

# All periods, in seconds, that Cloudflare accepts for rate limiting rules. Each Cloudflare plan permits only the
# periods up to the plan's maximum.
_PERIODS = (10, 15, 20, 30, 40, 45, 60, 90, 120, 180, 240, 300, 480, 600, 900, 1200, 1800, 2400, 3600)


@dataclass(frozen=True)
class Plan:
    """The limits of one of Cloudflare's plans in a zone: the number of custom rules, the number of rate limiting rules,
    and the periods in seconds that rate limiting rules may have.
    """

    custom_rules: int
    rate_limiting_rules: int
    periods: Sequence[int]


def _until(longest: int) -> Sequence[int]:
    return tuple(period for period in _PERIODS if period <= longest)


PLANS: Mapping[PlanName, Plan] = {
    "free": Plan(5, 1, _until(10)),
    "pro": Plan(20, 2, _until(60)),
    "business": Plan(100, 5, _until(600)),
    "enterprise": Plan(1000, 5, _until(3600)),
}


def lacks(
    plan: PlanName, seconds: int, custom: Mapping[str, str], rate_limiting: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yields an error for each limit of a Cloudflare plan that the firewall rules exceed. Each error is a pair: the
    name of the setting or rule, and a message with the reason and the remedy.

    `custom` and `rate_limiting` map the names of rules to their expressions. `seconds` is the period of the rate
    limiting rules.
    """
    limits = PLANS[plan]
    for kind, rules, most in (
        ("custom", custom, limits.custom_rules),
        ("rate limiting", rate_limiting, limits.rate_limiting_rules),
    ):
        if len(rules) > most:
            yield "plan", f"{plan!r} has {most} {kind} rules, and {len(rules)} are needed; use a larger plan"
    if seconds not in limits.periods:
        allowed = ", ".join(map(str, limits.periods))
        yield (
            "address_seconds",
            f"{seconds} is no period of the plan {plan!r}; use {allowed}{_or_larger(plan, seconds)}",
        )
    for name, expression in {**custom, **rate_limiting}.items():
        if len(expression) > MOST_EXPRESSION_CHARACTERS:
            yield (
                name,
                f"the rule has {len(expression)} characters, and Cloudflare takes {MOST_EXPRESSION_CHARACTERS}; name "
                "fewer and larger networks",
            )


def _or_larger(plan: PlanName, seconds: int) -> str:
    larger = [name for name, limits in PLANS.items() if seconds in limits.periods and name != plan]
    return f", or the plan {larger[0]!r}" if larger else ""
