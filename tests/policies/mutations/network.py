"""Mutations of networks and firewalls."""

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
    Mutation("shield-closed-to-the-internet", [GROUP], "the internet", put("ingress.0.cidrBlocks", EVERYBODY)),
    Mutation("shield-closed-to-the-internet", [FIREWALL], "the internet", put("sourceRanges", EVERYBODY)),
    Mutation("shield-closed-to-the-internet", [FIREWALL], "no source", without("sourceRanges")),
    Mutation("no-remote-login", [GROUP], "SSH", put("ingress.0.fromPort", 22)),
    Mutation("no-remote-login", [FIREWALL], "SSH", put("allows.0.ports", ["22"])),
    Mutation("machines-call-out-by-tls-only", [GROUP], "all ports", put("egress.0.protocol", "-1")),
    Mutation("machines-call-out-by-tls-only", [GROUP], "mail", put("egress.0.fromPort", 25)),
    Mutation("default-network-unused", [EC2], "the default group", without("vpcSecurityGroupIds")),
    Mutation(
        "default-network-unused", [GCE], "the default network", put("networkInterfaces", [{"network": "default"}])
    ),
    Mutation("subnet-hands-out-no-addresses", [SUBNET], "does", put("mapPublicIpOnLaunch", True)),
    Mutation("network-made-by-hand", ["gcp:compute/network:Network"], "by itself", put("autoCreateSubnetworks", True)),
    Mutation(
        "network-made-by-hand", ["gcp:compute/subnetwork:Subnetwork"], "public", put("privateIpGoogleAccess", False)
    ),
]
