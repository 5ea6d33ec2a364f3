"""Policies for the hostname that clients use: it leads to the edge, and nowhere past it."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import our_design
from policies.framework.declare import each_resource, kind, setting, texts, whole_stack
from policies.framework.relations import all_of
from policies.rules.dns import RECORD
from policies.rules.edge import ROUTE

DNS_RECORD = "cloudflare:index/dnsRecord:DnsRecord"
# The domain that a name of a partial zone is an alias to (Cloudflare DNS, "CNAME setup").
_EDGE = "cdn.cloudflare.net"


@whole_stack(
    "cloudflare-dns-client-hostname-proxied",
    "Every hostname of the worker has a proxied record. Without it, clients do not reach the worker.",
    of={DNS_RECORD, ROUTE},
    severity=Severity.CRITICAL,
    control=our_design("authorization comes before any cache look-up"),
    fix="Give the hostname a cloudflare.DnsRecord with proxied true",
)
def hostname_proxied(resource: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if kind(resource) == ROUTE:
        host = _host(resource)
        records = [each for each in all_of(stack, {DNS_RECORD}) if each.props.get("name") == host]
        if not any(record.props.get("proxied") is True for record in records):
            yield f"no proxied record leads {host} to the edge"
    elif resource.props.get("proxied") is not True:
        name = resource.props.get("name")
        if name in {_host(route) for route in all_of(stack, {ROUTE})}:
            yield f"{name} is not proxied"


def _host(route: PolicyResource) -> str:
    return str(route.props.get("pattern")).partition("/")[0]


@each_resource(
    "aws-route53-client-hostname-leads-to-edge",
    "In Route 53, the hostname that clients use is an alias to the edge network, not to a machine behind it.",
    of={RECORD},
    severity=Severity.CRITICAL,
    control=our_design("authorization comes before any cache look-up"),
    fix=f"Make it a CNAME to its own name under {_EDGE}",
    config={
        "names": {"type": "array", "items": {"type": "string"}, "default": ["packages"]},
        "edge": {"type": "string", "default": _EDGE},
    },
)
def leads_to_edge(args: ResourceValidationArgs) -> Iterator[str]:
    name = str(args.props.get("name")).removesuffix(".")
    if name.split(".")[0] not in setting(args, "names", ["packages"]):
        return
    if args.props.get("type") not in ("A", "AAAA", "CNAME"):
        return
    if args.props.get("aliases"):
        yield f"{name} is an alias to a resource of AWS"
    for target in texts(args.props.get("records")):
        if target.removesuffix(".") != f"{name}.{setting(args, 'edge', _EDGE)}":
            yield f"{name} leads to {target}"


POLICIES: list[Policy] = [hostname_proxied, leads_to_edge]
