"""Policies for the shield machines, which run the regional caches. There must be enough machines in separate zones and
regions, only the edge may reach them, and their cache must be on NVMe disks.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from contract import cloudflare_networks
from contract.shields import EDGE_PORT, HEALTH_PORT
from policies.framework.controls import nist, our_design, well_architected
from policies.framework.declare import (
    Config,
    architecture,
    each_resource,
    known,
    parts,
    setting,
    statements,
    whole_stack,
)
from policies.framework.iam_documents import denies_reads_from_other_networks
from policies.framework.kinds import all_of, kind
from policies.framework.relations import of_tier, refers_to
from policies.rules.compute import EC2_INSTANCE, GCE_INSTANCE
from policies.rules.network import FIREWALL, SECURITY_GROUP, allowed_ingress
from policies.rules.storage import S3_BUCKET, is_log_bucket

_MACHINES = {EC2_INSTANCE, GCE_INSTANCE}
# Resource types, such as load balancers, that make a machine reachable at an additional address.
_FRONTS = {
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/targetGroupAttachment:TargetGroupAttachment",
    "aws:alb/loadBalancer:LoadBalancer",
    "aws:elb/loadBalancer:LoadBalancer",
    "aws:globalaccelerator/endpointGroup:EndpointGroup",
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment",
    "aws:ec2/instanceConnectEndpoint:InstanceConnectEndpoint",
    "aws:ec2/vpnConnection:VpnConnection",
    "gcp:compute/forwardingRule:ForwardingRule",
    "gcp:compute/globalForwardingRule:GlobalForwardingRule",
    "gcp:compute/instanceGroup:InstanceGroup",
    "gcp:compute/networkPeering:NetworkPeering",
    "gcp:compute/targetInstance:TargetInstance",
}

# Types of fixed addresses, with the property that holds the address.
_ADDRESSES = {"aws:ec2/eip:Eip": "publicIp", "gcp:compute/address:Address": "address"}
_ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"

_EDGE = [*cloudflare_networks.IPV4, *cloudflare_networks.IPV6]

# EC2 instance types that have local disks: storage-optimized families such as i4i, and families with a `d` in the name,
# such as c6gd (EC2 User Guide, "Instance type naming conventions").
_NVME_OF_EC2 = re.compile(r"(i[3-9]\w*|im\d+gn|is\d+gen|[cmrxz]\d+[a-z]*d[a-z]*)\.\w+")
_NVME_OF_GCE = re.compile(r"\w+-\w+-\d+-\w*lssd")

_COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}
_PORTS: Config = {
    "edge_port": {**_COUNT, "default": EDGE_PORT},
    "health_port": {**_COUNT, "default": HEALTH_PORT},
    "edge_networks": {"type": "array", "items": {"type": "string"}, "default": _EDGE},
}


@whole_stack(
    "multi-shield-ingress-from-edge-only",
    "A shield admits only the edge's networks, the addresses of own PoPs and the health checkers, each on one port.",
    of={SECURITY_GROUP, FIREWALL, *_MACHINES, *_FRONTS},
    severity=Severity.CRITICAL,
    control=our_design("a tier refuses what did not come from the tier above it"),
    fix="Admit only the edge, on its port. If the edge has new networks, name them in the policy's edge_networks",
    config=_PORTS,
)
def ingress_from_edge_only(resource: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if kind(resource) in _FRONTS:
        machines = (each for each in all_of(stack, _MACHINES) if of_tier(each, "shield"))
        if of_tier(resource, "shield") or any(
            refers_to(resource, name, machine) for machine in machines for name in resource.props
        ):
            yield "it leads to a shield"
    elif not of_tier(resource, "shield"):
        return
    elif kind(resource) == EC2_INSTANCE:
        groups = [each for each in all_of(stack, {SECURITY_GROUP}) if of_tier(each, "shield")]
        if not any(refers_to(resource, "vpcSecurityGroupIds", group) for group in groups):
            yield "no security group of the shields guards it"
        for group in resource.property_dependencies.get("vpcSecurityGroupIds", []):
            if kind(group) == SECURITY_GROUP and not of_tier(group, "shield"):
                yield f"security group {group.name} is of another tier"
    elif kind(resource) in {SECURITY_GROUP, FIREWALL}:
        yield from _unexpected_sources(resource, stack)


def _unexpected_sources(resource: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    """Yields a finding for each kind of traffic to the shields (regional caches) that a security group or firewall rule
    admits but must not admit. Only the edge may connect to the shields' edge port, and only the health checkers to
    their health port.
    """
    edge_port = str(int(setting(stack, "edge_port", EDGE_PORT)))
    health_port = str(int(setting(stack, "health_port", HEALTH_PORT)))
    addresses = [
        known(each.props, _ADDRESSES[kind(each)]) for each in all_of(stack, {*_ADDRESSES}) if of_tier(each, "pop")
    ]
    own = [f"{address}/32" for address in addresses if address]
    edge = [ipaddress.ip_network(network) for network in (*setting(stack, "edge_networks", _EDGE), *own)]
    for traffic in allowed_ingress(resource):
        if traffic.protocol not in ("tcp", "6") or traffic.ports not in (edge_port, health_port):
            yield f"it lets in {traffic.protocol} on {traffic.ports or 'all ports'}"
        if traffic.ports == edge_port:
            yield from (f"it lets in {other} as if they were the edge" for other in traffic.others)
            for network in traffic.networks:
                parsed = ipaddress.ip_network(network, strict=False)
                if not any(parsed.version == of.version and parsed.subnet_of(of) for of in edge):  # type: ignore[arg-type]
                    yield f"it lets in {network} as if it were the edge"


@each_resource(
    "multi-shield-cache-on-nvme",
    "Shield machines keep their cache on NVMe disks of their own.",
    of={EC2_INSTANCE, GCE_INSTANCE},
    severity=Severity.MEDIUM,
    control=our_design("L2 on NVMe"),
    fix="Use a type such as i4i.large or c3-standard-8-lssd, or attach a scratch disk with interface NVME",
)
def cache_on_nvme(args: ResourceValidationArgs) -> Iterator[str]:
    if not of_tier(args, "shield"):
        return
    if kind(args) == EC2_INSTANCE:
        machine_type = str(args.props.get("instanceType"))
        suits = _NVME_OF_EC2.fullmatch(machine_type) is not None
    else:
        machine_type = str(args.props.get("machineType"))
        attached = [disk.get("interface") for disk in parts(args.props, "scratchDisks")]
        suits = _NVME_OF_GCE.fullmatch(machine_type) is not None or "NVME" in attached
    if not suits:
        yield f"{machine_type} has no NVMe disk"


@architecture(
    "stack-shields-in-many-regions",
    "Shields are in enough regions that the loss of one region only makes the route of its clients longer.",
    of=_MACHINES,
    severity=Severity.HIGH,
    control=well_architected("REL10-BP01"),
    fix="Name further regions in `artifact-edge:shields`",
    config={"regions": {**_COUNT, "default": 6}},
)
def in_many_regions(stack: StackValidationArgs) -> Iterator[str]:
    if not any(each.resource_type.startswith("artifact-edge:") for each in stack.resources):
        # a Pulumi program without an `artifact-edge:` component, such as the bootstrap program, needs no caches
        return
    regions = {_region(machine) for machine in _shields(stack)}
    wanted = int(setting(stack, "regions", 6))
    if len(regions) < wanted:
        yield f"the stack has shields in {len(regions)} regions; the minimum is {wanted}"


@architecture(
    "stack-shields-spread-over-zones",
    "Each shield region has enough machines, in enough zones, to survive the loss of one.",
    of=_MACHINES,
    severity=Severity.HIGH,
    control=well_architected("REL10-BP01"),
    fix="Raise `nodes` of the region in `artifact-edge:shields`; machines take the zones in turn",
    config={"nodes": {**_COUNT, "default": 2}, "zones": {**_COUNT, "default": 2}},
)
def spread_over_zones(stack: StackValidationArgs) -> Iterator[str]:
    machines = Counter(_region(machine) for machine in _shields(stack))
    zones = {region: {_zone(each, stack) for each in _shields(stack) if _region(each) == region} for region in machines}
    for name, found in (("nodes", machines), ("zones", {region: len(names) for region, names in zones.items()})):
        wanted = int(setting(stack, name, 2))
        for region, count in found.items():
            if count < wanted:
                yield f"the shield in {region} has {count} {name}; the minimum is {wanted}"


@architecture(
    "stack-shields-spread-over-clouds",
    "Shields are on several clouds, so that one cloud still serves when another fails as a whole.",
    of=_MACHINES,
    severity=Severity.MEDIUM,
    control=nist("SR-3"),
    fix="Name shields on another cloud in `artifact-edge:shields`, or allow a greater share",
    config={"share": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.8}},
)
def spread_over_clouds(stack: StackValidationArgs) -> Iterator[str]:
    machines = Counter(kind(machine).split(":")[0] for machine in _shields(stack))
    most = float(setting(stack, "share", 0.8))
    for cloud, count in machines.items():
        if count > most * machines.total():
            yield f"{count} of {machines.total()} shield machines stand on {cloud}; at most {most:.0%} may"


@whole_stack(
    "aws-iam-shield-credentials-network-bound",
    "A shield's credentials read objects only from the networks of shields, so that stolen credentials do not help.",
    of={S3_BUCKET},
    severity=Severity.HIGH,
    control=well_architected("SEC03-BP06"),
    fix="In a policy of the shields' role, deny reads of the bucket from other endpoints and addresses",
)
def credentials_network_bound(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if is_log_bucket(bucket, stack) or not any(kind(machine) == EC2_INSTANCE for machine in _shields(stack)):
        return
    name = str(bucket.props.get("bucket"))
    policies = (each for each in all_of(stack, {_ROLE_POLICY}) if of_tier(each, "identity"))
    if not any(denies_reads_from_other_networks(statements(policy.props.get("policy")), name) for policy in policies):
        yield "whoever takes a shield's credentials reads its objects from anywhere"


def _shields(stack: StackValidationArgs) -> Iterator[PolicyResource]:
    return (each for each in all_of(stack, _MACHINES) if of_tier(each, "shield"))


def _region(machine: PolicyResource) -> str:
    """Returns the region of a shield machine (a regional cache). On Google Cloud, the name of a zone is the region's
    name, a hyphen and a letter.
    """
    if kind(machine) == GCE_INSTANCE:
        return str(machine.props.get("zone")).rsplit("-", 1)[0]
    return str(machine.props.get("region"))


def _zone(machine: PolicyResource, stack: StackValidationArgs) -> str:
    """Returns the availability zone of a shield machine (a regional cache). The zone of an EC2 machine is the zone of
    its subnet.
    """
    if kind(machine) == GCE_INSTANCE:
        return str(machine.props.get("zone"))
    for subnet in all_of(stack, {"aws:ec2/subnet:Subnet"}):
        if refers_to(machine, "subnetId", subnet):
            return str(subnet.props.get("availabilityZone"))
    return str(machine.props.get("availabilityZone"))


POLICIES: list[Policy] = [
    ingress_from_edge_only,
    cache_on_nvme,
    in_many_regions,
    spread_over_zones,
    spread_over_clouds,
    credentials_network_bound,
]
