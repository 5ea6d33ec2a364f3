"""Policies for networks: only listed networks can send traffic, and only to listed ports. The whole internet can reach
only the HTTPS port of our own PoPs.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity

from policies.framework.controls import cis_aws, cis_gcp, foundational, nist
from policies.framework.declare import Properties, each_resource, given, known, parts, setting, texts
from policies.framework.kinds import kind
from policies.framework.relations import is_set, of_tier

SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
FIREWALL = "gcp:compute/firewall:Firewall"
_GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
_INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_EGRESS_RULE = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
_DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
_PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"
_INGRESS_TYPES = {SECURITY_GROUP, _DEFAULT_GROUP, _GROUP_RULE, _INGRESS_RULE, FIREWALL}

# The shortest network prefixes that the policies accept. The policies treat a network with a shorter prefix, such as
# 0.0.0.0/1, as the whole internet. The largest networks of the edge are a /12 (IPv4) and a /29 (IPv6).
_WIDEST_IPV4 = 8
_WIDEST_IPV6 = 16

_GROUP_PEERS = {"prefixListIds", "securityGroups", "sourceSecurityGroupId", "self"}
_RULE_PEERS = {"prefixListId", "referencedSecurityGroupId"}
_HTTPS = "443"
_LOGIN_PORTS = (22, 3389)


@dataclass(frozen=True)
class AllowedTraffic:
    """The traffic that a rule of a firewall or security group allows: the protocol, the ports, and the networks at the
    other end. `ports` is one port (`8443`), a range (`1-1024`), or empty for all ports.

    A rule can also allow traffic with something that is not a network, such as another security group. `others` lists
    the properties in which the rule names it.
    """

    protocol: str
    ports: str
    networks: list[str]
    others: list[str]

    def holds(self, port: int) -> bool:
        first, _, last = self.ports.partition("-")
        return not self.ports or int(first) <= port <= int(last or first)


@each_resource(
    "multi-network-ingress-not-from-internet",
    "No rule admits the whole internet, except to the HTTPS port of own PoPs. Rules name the networks of the edge and "
    "of the health checkers.",
    of={*_INGRESS_TYPES, _PREFIX_LIST},
    severity=Severity.CRITICAL,
    control=foundational("EC2.18"),
    fix="Allow the networks of the edge and of Route 53's health checkers only",
)
def ingress_not_from_internet(args: ResourceValidationArgs) -> Iterator[str]:
    admitted = [
        network
        for traffic in allowed_ingress(args)
        for network in traffic.networks
        if not (of_tier(args, "pop") and traffic.protocol in ("tcp", "6") and traffic.ports == _HTTPS)
    ]
    # A security group may refer to a prefix list instead of networks. The policy therefore also checks the networks in
    # prefix lists.
    if kind(args) == _PREFIX_LIST:
        admitted = [str(entry.get("cidr")) for entry in parts(args.props, "entries")]
    for network in admitted:
        try:
            if _is_the_internet(network):
                yield f"it lets in {network}"
        except ValueError:
            yield f"it lets in {network!r}, which is no network"


@each_resource(
    "multi-network-ssh-and-rdp-closed",
    "No rule admits SSH or RDP, from any network.",
    of=_INGRESS_TYPES,
    severity=Severity.HIGH,
    control=cis_aws("5.2"),
    fix="Remove the rule, and put into user data what the machine needs",
)
def ssh_and_rdp_closed(args: ResourceValidationArgs) -> Iterator[str]:
    for traffic in allowed_ingress(args):
        for port in _LOGIN_PORTS:
            if traffic.protocol not in ("udp", "icmp", "17", "1") and traffic.holds(port):
                yield f"port {port} is let in"


@each_resource(
    "aws-ec2-egress-https-only",
    "Machines reach the internet over HTTPS only, so that an intruder has fewer ways to send data out.",
    of={SECURITY_GROUP, _GROUP_RULE, _EGRESS_RULE},
    severity=Severity.MEDIUM,
    control=nist("SC-7(5)"),
    fix="Name the ports and, where they are known, the networks that machines call",
    config={"ports": {"type": "array", "items": {"type": "integer"}, "default": [443]}},
)
def egress_https_only(args: ResourceValidationArgs) -> Iterator[str]:
    allowed = [str(int(port)) for port in setting(args, "ports", [443])]
    for traffic in _allowed_egress(args):
        if traffic.ports not in allowed and any(_is_the_internet(network) for network in traffic.networks):
            yield f"it lets {traffic.protocol} out to everywhere on {traffic.ports or 'all ports'}"


@each_resource(
    "multi-network-default-unused",
    "No machine is in a default network or default security group, whose rules nobody chose.",
    of={"aws:ec2/instance:Instance", "gcp:compute/instance:Instance", _DEFAULT_GROUP},
    severity=Severity.HIGH,
    control=foundational("EC2.2"),
    fix="Name the security group, or the subnetwork, that the program makes",
)
def default_network_unused(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == _DEFAULT_GROUP:
        if any(parts(args.props, "ingress")) or any(parts(args.props, "egress")):
            yield "the default security group allows traffic"
    elif kind(args).startswith("aws:"):
        if not given(args.props, "vpcSecurityGroupIds"):
            yield "it names no security group, and so gets the default one"
    else:
        for interface in parts(args.props, "networkInterfaces"):
            if not given(interface, "subnetwork") and (
                str(interface.get("network") or "default").rsplit("/", 1)[-1] == "default"
            ):
                yield "it is in the default network"


@each_resource(
    "aws-ec2-subnet-auto-public-ip-disabled",
    "Subnets give machines no public address by themselves. The program gives one where it is needed.",
    of={"aws:ec2/subnet:Subnet"},
    severity=Severity.MEDIUM,
    control=foundational("EC2.15"),
    fix="Leave map_public_ip_on_launch out, and give the machine an address",
)
def auto_public_ip_disabled(args: ResourceValidationArgs) -> Iterator[str]:
    if args.props.get("mapPublicIpOnLaunch") is True:
        yield "map_public_ip_on_launch is true"


@each_resource(
    "gcp-compute-network-custom-with-private-access",
    "A network on Google Cloud has only the program's subnetworks, and reaches Google's services privately.",
    of={"gcp:compute/network:Network", "gcp:compute/subnetwork:Subnetwork"},
    severity=Severity.MEDIUM,
    control=cis_gcp("3.1"),
    fix="Set auto_create_subnetworks to false, and private_ip_google_access of the subnetwork to true",
)
def custom_network_with_private_access(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == "gcp:compute/network:Network":
        if args.props.get("autoCreateSubnetworks") is not False:
            yield "it creates subnetworks in every region automatically"
    elif args.props.get("privateIpGoogleAccess") is not True:
        yield "it reaches Google's services by the internet"


def allowed_ingress(args: ResourceValidationArgs | PolicyResource) -> Iterator[AllowedTraffic]:
    """Yields the incoming traffic that a security group, a security group rule or a firewall rule allows."""
    props = args.props
    match kind(args):
        case "aws:ec2/securityGroup:SecurityGroup" | "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup":
            yield from (_group_traffic(rule) for rule in parts(props, "ingress"))
        case "aws:ec2/securityGroupRule:SecurityGroupRule":
            if props.get("type") == "ingress":
                yield _group_traffic(props)
        case "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
            yield _rule_traffic(props)
        case "gcp:compute/firewall:Firewall":
            yield from _firewall_ingress(args)
        case _:
            return


def _allowed_egress(args: ResourceValidationArgs) -> Iterator[AllowedTraffic]:
    props = args.props
    match kind(args):
        case "aws:ec2/securityGroup:SecurityGroup":
            yield from (_group_traffic(rule) for rule in parts(props, "egress"))
        case "aws:ec2/securityGroupRule:SecurityGroupRule":
            if props.get("type") == "egress":
                yield _group_traffic(props)
        case _:
            yield _rule_traffic(props)


def _group_traffic(rule: Properties) -> AllowedTraffic:
    networks = [*texts(rule.get("cidrBlocks")), *texts(rule.get("ipv6CidrBlocks"))]
    ports = _port_range(rule.get("protocol"), rule.get("fromPort"), rule.get("toPort"))
    return AllowedTraffic(str(rule.get("protocol")), ports, networks, _present(rule, _GROUP_PEERS))


def _rule_traffic(props: Properties) -> AllowedTraffic:
    networks = [str(props[name]) for name in ("cidrIpv4", "cidrIpv6") if props.get(name)]
    ports = _port_range(props.get("ipProtocol"), props.get("fromPort"), props.get("toPort"))
    return AllowedTraffic(str(props.get("ipProtocol")), ports, networks, _present(props, _RULE_PEERS))


def _firewall_ingress(args: ResourceValidationArgs | PolicyResource) -> Iterator[AllowedTraffic]:
    """Yields the incoming traffic that a Google Cloud firewall rule allows. A rule without any source allows traffic
    from all networks.
    """
    props = args.props
    if props.get("direction", "INGRESS") != "INGRESS":
        return
    others = [name for name in ("sourceTags", "sourceServiceAccounts") if is_set(args, name)]
    networks = texts(props.get("sourceRanges")) or ([] if others else ["0.0.0.0/0"])
    for allowed in parts(props, "allows"):
        for ports in texts(allowed.get("ports")) or [""]:
            yield AllowedTraffic(str(allowed.get("protocol")), ports, networks, others)


def _present(rule: Properties, names: Collection[str]) -> list[str]:
    """Returns the properties of a firewall rule that are in `names` and have a value. A value that Pulumi does not know
    yet counts as well.
    """
    return [name for name in rule if name in names and known(rule, name) not in ([], False, "")]


def _port_range(protocol: object, first: object, last: object) -> str:
    """Returns the port range of an AWS firewall rule, such as `8443` or `1-1024`, or an empty string for all ports.
    The protocol -1, the first port -1, or the range from 0 to 0 means all ports.
    """
    if str(protocol) in ("-1", "all") or first in (None, -1) or last is None or (first == 0 and last in (0, 65535)):
        return ""
    start, end = int(str(first).split(".")[0]), int(str(last).split(".")[0])
    return str(start) if start == end else f"{start}-{end}"


def _is_the_internet(network: str) -> bool:
    parsed = ipaddress.ip_network(network, strict=False)
    return parsed.prefixlen < (_WIDEST_IPV4 if parsed.version == 4 else _WIDEST_IPV6)


_IPV6 = (
    "assignGeneratedIpv6CidrBlock",
    "assignIpv6AddressOnCreation",
    "destinationIpv6CidrBlock",
    "enableUlaInternalIpv6",
    "ipv6AddressCount",
    "ipv6Addresses",
    "ipv6CidrBlock",
    "ipv6Native",
)
_IPV4_ONLY = (None, "IPV4_ONLY")


@each_resource(
    "multi-network-ipv4-only",
    "Networks and machines have IPv4 addresses only, because the rules that admit the edge list its IPv4 networks.",
    of={
        "aws:ec2/instance:Instance",
        "aws:ec2/route:Route",
        "aws:ec2/subnet:Subnet",
        "aws:ec2/vpc:Vpc",
        "gcp:compute/instance:Instance",
        "gcp:compute/network:Network",
        "gcp:compute/subnetwork:Subnetwork",
    },
    severity=Severity.MEDIUM,
    control=nist("SC-7"),
    fix="Remove the property, and use the stack type IPV4_ONLY on Google Cloud",
)
def ipv4_only(args: ResourceValidationArgs) -> Iterator[str]:
    for name in _IPV6:
        if args.props.get(name):
            yield f"it has {name}"
    for props in (args.props, *parts(args.props, "networkInterfaces")):
        if props.get("stackType") not in _IPV4_ONLY or props.get("ipv6AccessConfigs"):
            yield "it has an IPv6 address"


POLICIES: list[Policy] = [
    ingress_not_from_internet,
    ssh_and_rdp_closed,
    egress_https_only,
    default_network_unused,
    auto_public_ip_disabled,
    custom_network_with_private_access,
    ipv4_only,
]
