"""Policies for the hostname that clients connect to. All DNS records of the hostname must point to the edge, because no
request may bypass the edge.
"""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, Severity, StackValidationArgs

from policies.framework.controls import our_design, well_architected
from policies.framework.declare import known, parts, setting, texts, whole_stack
from policies.framework.kinds import all_of, kind
from policies.framework.relations import of_tier
from policies.rules.accelerator import ACCELERATOR
from policies.rules.dns import HEALTH_CHECK, RECORD
from policies.rules.edge import CUSTOM_HOSTNAME, DNS_RECORD, ROUTE, fallback_origins


@whole_stack(
    "cloudflare-dns-client-hostname-proxied",
    "Every hostname of the worker is a custom hostname or the fallback origin, which has a proxied record in its zone. "
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
        if host not in origins | {each.props.get("hostname") for each in all_of(stack, {CUSTOM_HOSTNAME})}:
            yield f"{host} is not a custom hostname"
        records = [each for each in all_of(stack, {DNS_RECORD}) if each.props.get("name") in origins]
        if not any(record.props.get("proxied") is True for record in records):
            yield f"no fallback origin with a proxied record leads {host} to the edge"
    elif resource.props.get("proxied") is not True and resource.props.get("name") in origins:
        yield f"{resource.props.get('name')} is not proxied"


@whole_stack(
    "aws-route53-client-hostname-leads-to-edge",
    "In Route 53, the hostname that clients use leads to the edge network's fallback origin or to PoPs of our own, not "
    "to a machine behind the edge.",
    of={RECORD},
    severity=Severity.CRITICAL,
    control=our_design("authorization comes before any cache look-up"),
    fix="Make it a CNAME of the fallback origin, or of a name whose records are addresses of PoPs",
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
        if target.removesuffix(".") not in origins and not _leads_to_pops(target, stack):
            yield f"{name} leads to {target}"


_LEAST_REGIONS = 3


@whole_stack(
    "aws-route53-health-check-as-clients-connect",
    "A health check of a hostname connects as clients do: over TLS, with a hostname of the stack, and from at least "
    "three regions of Route 53.",
    of={HEALTH_CHECK},
    severity=Severity.MEDIUM,
    control=well_architected("REL11-BP01"),
    fix="Use type HTTPS with enable_sni, the fqdn of a record of the stack, and no regions",
)
def checked_as_clients_connect(check: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    regions = texts(check.props.get("regions"))
    if regions and len(regions) < _LEAST_REGIONS:
        yield f"only {', '.join(regions)} checks it"
    host = check.props.get("fqdn")
    if not host or check.props.get("ipAddress"):
        return
    if check.props.get("type") != "HTTPS" or check.props.get("enableSni") is False:
        yield f"{host} is not checked over TLS with its hostname"
    if str(host) not in set(_hostnames(stack)):
        yield f"{host} is no hostname of the stack"


def _hostnames(stack: StackValidationArgs) -> Iterator[str]:
    for each in all_of(stack, {RECORD, DNS_RECORD}):
        yield str(each.props.get("name")).removesuffix(".")
    for each in all_of(stack, {CUSTOM_HOSTNAME}):
        yield str(each.props.get("hostname"))


def _leads_to_pops(target: str, stack: StackValidationArgs, via: tuple[str, ...] = ()) -> bool:
    """Returns whether all records of a DNS name resolve to PoPs of our own. A record resolves to these PoPs in two
    cases. In the first case, it contains only addresses of the PoPs. In the second case, it is an alias of another name
    that resolves to the PoPs, or of an accelerator in front of the PoPs.

    The addresses are not known before `pulumi up`. The function therefore checks from which resources the record takes
    its values.
    """
    name = target.removesuffix(".")
    if name in via:
        return False
    records = [each for each in all_of(stack, {RECORD}) if str(each.props.get("name")).removesuffix(".") == name]
    return bool(records) and all(
        _is_alias_of_accelerator(record)
        or all(_leads_to_pops(str(known(alias, "name")), stack, (*via, name)) for alias in aliases)
        if (aliases := list(parts(record.props, "aliases")))
        else _has_addresses_of_pops(record)
        for record in records
    )


def _is_alias_of_accelerator(record: PolicyResource) -> bool:
    sources = record.property_dependencies.get("aliases", [])
    return bool(sources) and all(kind(each) == ACCELERATOR and of_tier(each, "pop") for each in sources)


def _has_addresses_of_pops(record: PolicyResource) -> bool:
    sources = record.property_dependencies.get("records", [])
    return bool(sources) and all(of_tier(source, "pop") for source in sources)


POLICIES: list[Policy] = [hostname_proxied, leads_to_edge, checked_as_clients_connect]
