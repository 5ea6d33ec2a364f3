"""Who may connect to a shield: those that a rule names, and never the internet."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.controls import foundational
from policies.rules import Properties, each_resource, kind, parts, texts

_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
_INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"
_FIREWALL = "gcp:compute/firewall:Firewall"

_WIDEST_IPV4 = 8
_WIDEST_IPV6 = 16
"""Shortest prefixes that can still belong to somebody. The edge network's own longest runs of addresses are a /12 and
a /29; whatever is wider than these is the internet, be it written as 0.0.0.0/0 or in two halves."""


@each_resource(
    "shield-closed-to-the-internet",
    "Nothing is open to the whole internet; the edge and the health checkers are named by their networks.",
    of={_GROUP, _GROUP_RULE, _INGRESS_RULE, _PREFIX_LIST, _FIREWALL},
    severity=Severity.CRITICAL,
    control=foundational("EC2.18"),
    fix="Allow the networks of the edge and of Route 53's health checkers only",
)
def closed_to_the_internet(args: ResourceValidationArgs) -> Iterator[str]:
    for network in _admitted(args):
        try:
            if _is_the_internet(network):
                yield f"it lets in {network}"
        except ValueError:
            yield f"it lets in {network!r}, which is no network"


def _admitted(args: ResourceValidationArgs) -> Iterator[str]:
    """The networks that a resource lets in."""
    props = args.props
    match kind(args):
        case "aws:ec2/securityGroup:SecurityGroup":
            for rule in parts(props, "ingress"):
                yield from _networks(rule, "cidrBlocks", "ipv6CidrBlocks")
        case "aws:ec2/securityGroupRule:SecurityGroupRule":
            if props.get("type") == "ingress":
                yield from _networks(props, "cidrBlocks", "ipv6CidrBlocks")
        case "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
            yield from (str(props[name]) for name in ("cidrIpv4", "cidrIpv6") if props.get(name))
        case "aws:ec2/managedPrefixList:ManagedPrefixList":  # what groups let in by its name
            yield from (str(entry.get("cidr")) for entry in parts(props, "entries"))
        case _:
            yield from _firewall_sources(props)


def _firewall_sources(props: Properties) -> Iterable[str]:
    """What a firewall rule of Google Cloud lets in: without any source, everybody."""
    if props.get("direction", "INGRESS") != "INGRESS" or not props.get("allows"):
        return []
    if not any(props.get(name) for name in ("sourceRanges", "sourceTags", "sourceServiceAccounts")):
        return ["0.0.0.0/0"]
    return _networks(props, "sourceRanges")


def _networks(rule: Properties, *names: str) -> Iterator[str]:
    for name in names:
        yield from texts(rule.get(name))


def _is_the_internet(network: str) -> bool:
    parsed = ipaddress.ip_network(network, strict=False)
    return parsed.prefixlen < (_WIDEST_IPV4 if parsed.version == 4 else _WIDEST_IPV6)


POLICIES: list[Policy] = [closed_to_the_internet]
