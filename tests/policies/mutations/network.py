"""Harmful changes to the networks and firewalls of a stack. Tests make each change, and a policy must report it."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, without

EC2 = "aws:ec2/instance:Instance"
GCE = "gcp:compute/instance:Instance"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
FIREWALL = "gcp:compute/firewall:Firewall"
SUBNET = "aws:ec2/subnet:Subnet"
EVERYBODY = ["0.0.0.0/0"]

MUTATIONS = [
    Mutation(
        "multi-network-ingress-not-from-internet",
        [GROUP],
        "a security group allows the whole internet",
        put("ingress.0.cidrBlocks", EVERYBODY),
    ),
    Mutation(
        "multi-network-ingress-not-from-internet",
        [FIREWALL],
        "a firewall rule allows the whole internet",
        put("sourceRanges", EVERYBODY),
    ),
    Mutation(
        "multi-network-ingress-not-from-internet",
        [FIREWALL],
        "a firewall rule has no source, which allows the whole internet",
        without("sourceRanges"),
    ),
    Mutation(
        "multi-network-ssh-and-rdp-closed",
        [GROUP],
        "a security group opens the SSH port",
        put("ingress.0.fromPort", 22),
    ),
    Mutation(
        "multi-network-ssh-and-rdp-closed",
        [FIREWALL],
        "a firewall rule opens the SSH port",
        put("allows.0.ports", ["22"]),
    ),
    Mutation(
        "aws-ec2-egress-https-only",
        [GROUP],
        "a security group allows outgoing traffic to all ports",
        put("egress.0.protocol", "-1"),
    ),
    Mutation(
        "aws-ec2-egress-https-only",
        [GROUP],
        "a security group allows outgoing traffic to the mail port",
        put("egress.0.fromPort", 25),
    ),
    Mutation(
        "multi-network-default-unused",
        [EC2],
        "an EC2 instance has only the default security group",
        without("vpcSecurityGroupIds"),
    ),
    Mutation(
        "multi-network-default-unused",
        [GCE],
        "a Compute Engine machine is in the default network",
        put("networkInterfaces", [{"network": "default"}]),
    ),
    Mutation(
        "aws-ec2-subnet-auto-public-ip-disabled",
        [SUBNET],
        "a subnet assigns public addresses automatically",
        put("mapPublicIpOnLaunch", True),
    ),
    Mutation(
        "gcp-compute-network-custom-with-private-access",
        ["gcp:compute/network:Network"],
        "a Google Cloud network creates its subnets automatically",
        put("autoCreateSubnetworks", True),
    ),
    Mutation(
        "gcp-compute-network-custom-with-private-access",
        ["gcp:compute/subnetwork:Subnetwork"],
        "a subnetwork reaches Google's APIs by public addresses",
        put("privateIpGoogleAccess", False),
    ),
    Mutation("multi-network-ipv4-only", [EC2], "an IPv6 address", put("ipv6AddressCount", 1)),
    Mutation(
        "multi-network-ipv4-only", ["aws:ec2/route:Route"], "a route of IPv6", put("destinationIpv6CidrBlock", "::/0")
    ),
    Mutation("multi-network-ipv4-only", [SUBNET], "IPv6 addresses", put("assignIpv6AddressOnCreation", True)),
    Mutation(
        "multi-network-ipv4-only", ["aws:ec2/vpc:Vpc"], "an IPv6 network", put("assignGeneratedIpv6CidrBlock", True)
    ),
    Mutation("multi-network-ipv4-only", [GCE], "an IPv6 address", put("networkInterfaces.0.stackType", "IPV4_IPV6")),
    Mutation(
        "multi-network-ipv4-only",
        ["gcp:compute/network:Network"],
        "an IPv6 network",
        put("enableUlaInternalIpv6", True),
    ),
    Mutation(
        "multi-network-ipv4-only",
        ["gcp:compute/subnetwork:Subnetwork"],
        "IPv6 addresses",
        put("stackType", "IPV4_IPV6"),
    ),
]
