"""The config section `waf`, which has the settings of the web application firewall, and the checks of this section."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

from infra import waf
from infra.waf import nginx
from infra.waf.plans import PlanName, lacks
from infra.waf.rules import custom_rules, rate_limiting_rules
from stacks.config.section import Section
from stacks.config.values import Asn, Country, Network, distinct


def _distinct(values: Sequence[str | int]) -> Sequence[str | int]:
    distinct([str(value) for value in values], "source")
    return values


_Networks = Annotated[list[Network], AfterValidator(_distinct)]
_Asns = Annotated[list[Asn], AfterValidator(_distinct)]
_Countries = Annotated[list[Country], AfterValidator(_distinct)]


class Denied(Section):
    """Networks, autonomous systems and countries whose requests the edge refuses."""

    addresses: _Networks = Field(default=[], description="networks whose requests are refused, such as `192.0.2.0/24`")
    asns: _Asns = Field(default=[], description="autonomous systems whose requests are refused")
    countries: _Countries = Field(default=[], description="countries whose requests are refused, such as `SE`")


class Allowed(Section):
    """Sources of requests that are exempt from the list `deny` and from the rate limit by address."""

    addresses: _Networks = Field(
        default=[],
        description="networks that are exempt from `deny` and `address_requests`; their tokens are still checked",
    )
    asns: _Asns = Field(default=[], description="the same for autonomous systems")
    countries: _Countries = Field(default=[], description="the same for countries")


class Waf(Section):
    """Requests that the edge refuses or limits before the worker runs."""

    plan: PlanName = Field(default="free", description="Cloudflare plan of `edge.zone`; what it lacks is an error")
    address_requests: int = Field(
        default=waf.WafArgs().by_address.requests,
        ge=waf.INSTALLED_PACKAGES,
        description="most requests of an address in `address_seconds` at one Cloudflare location; above, it gets 429",
    )
    address_seconds: int = Field(
        default=waf.WafArgs().by_address.seconds,
        description="period of `address_requests`: 10, and from the plan `pro` on also longer ones, such as 60",
    )
    token_requests: int = Field(
        default=waf.WafArgs().by_token.requests,
        ge=waf.INSTALLED_PACKAGES,
        description="most requests of a token in 10 s at one location; above, they get 429",
    )
    failed_tokens: int = Field(
        default=waf.WafArgs().failed_tokens.requests,
        ge=10,
        description="most tokens of an address in 60 s that are not valid; above, they get 429 in place of 401",
    )
    deny: Denied = Denied()
    allow: Allowed = Allowed()


def waf_args(section: Waf) -> waf.WafArgs:
    """Returns the arguments with which infra/waf creates a stack's web application firewall."""
    return waf.WafArgs(
        allow=_sources(section.allow),
        deny=_sources(section.deny),
        by_address=waf.Bound(section.address_requests, section.address_seconds),
        by_token=waf.Bound(section.token_requests, waf.TOKEN_SECONDS),
        failed_tokens=waf.Bound(section.failed_tokens, waf.FAILURE_SECONDS),
    )


def problems_of_waf(section: Waf, own_pops: bool) -> Iterator[str]:
    """Yields an error message for each mistake in the configuration of the firewall:

    - A rule exceeds the limits of the zone's Cloudflare plan.
    - The stack has PoPs of our own, and a rule names ASNs or countries. NGINX on these PoPs can match only addresses.
    - A network in `deny` is a part of a network in `allow`, so the firewall would never refuse it.
    """
    args = waf_args(section)
    custom = {rule.name: rule.expression for rule in custom_rules(args)}
    limiting = {rule.name: rule.expression for rule in rate_limiting_rules(args)}
    for subject, reason in lacks(section.plan, section.address_seconds, custom, limiting):
        yield f"waf.{subject}: {reason}"
    if own_pops:
        yield from (f"waf.{subject}: {reason}" for subject, reason in nginx.lacks(args))
    for denied in section.deny.addresses:
        for allowed in section.allow.addresses:
            if _contains(allowed, denied):
                yield (
                    f"waf.deny.addresses: {denied} is never refused, because waf.allow.addresses has"
                    f" {allowed}; remove one of them"
                )


def _sources(section: Denied | Allowed) -> waf.Sources:
    return waf.Sources(section.addresses, section.asns, section.countries)


def _contains(outer: str, inner: str) -> bool:
    one, other = ip_network(outer), ip_network(inner)
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and other.subnet_of(one)
    return not isinstance(other, IPv4Network) and other.subnet_of(one)
