"""Policies for the hostname that clients use: all DNS records of the hostname must point to the edge, so that no
request bypasses the edge."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, Severity, StackValidationArgs

from policies.framework.controls import our_design
from policies.framework.declare import kind, setting, texts, whole_stack
from policies.framework.relations import all_of
from policies.rules.dns import RECORD
from policies.rules.edge import CUSTOM_HOSTNAME, DNS_RECORD, ROUTE, fallback_origins


@whole_stack(
    "cloudflare-dns-client-hostname-proxied",
    "Every hostname of the worker is a custom hostname, and the fallback origin of its zone has a proxied record. "
    "Otherwise clients do not reach the worker.",
    of={DNS_RECORD, ROUTE},
    severity=Severity.CRITICAL,
    control=our_design("authorization comes before any cache look-up"),
    fix="Give the hostname a cloudflare.CustomHostname, and its zone a cloudflare.CustomHostnameFallbackOrigin with a "
    "cloudflare.DnsRecord with proxied true",
)
def hostname_proxied(resource: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    origins = set(fallback_origins(stack))
    if kind(resource) == ROUTE:
        host = str(resource.props.get("pattern")).partition("/")[0]
        if host not in {each.props.get("hostname") for each in all_of(stack, {CUSTOM_HOSTNAME})}:
            yield f"{host} is not a custom hostname"
        records = [each for each in all_of(stack, {DNS_RECORD}) if each.props.get("name") in origins]
        if not any(record.props.get("proxied") is True for record in records):
            yield f"no fallback origin with a proxied record leads {host} to the edge"
    elif resource.props.get("proxied") is not True and resource.props.get("name") in origins:
        yield f"{resource.props.get('name')} is not proxied"


@whole_stack(
    "aws-route53-client-hostname-leads-to-edge",
    "In Route 53, the hostname that clients use is an alias of the edge network's fallback origin, not of a machine "
    "behind the edge.",
    of={RECORD},
    severity=Severity.CRITICAL,
    control=our_design("authorization comes before any cache look-up"),
    fix="Make it a CNAME of the fallback origin",
    config={"names": {"type": "array", "items": {"type": "string"}, "default": ["packages"]}},
)
def leads_to_edge(record: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    name = str(record.props.get("name")).removesuffix(".")
    if name.split(".")[0] not in setting(stack, "names", ["packages"]):
        return
    if record.props.get("type") not in ("A", "AAAA", "CNAME"):
        return
    if record.props.get("aliases"):
        yield f"{name} is an alias to a resource of AWS"
    origins = set(fallback_origins(stack))
    for target in texts(record.props.get("records")):
        if target.removesuffix(".") not in origins:
            yield f"{name} leads to {target}"


POLICIES: list[Policy] = [hostname_proxied, leads_to_edge]
