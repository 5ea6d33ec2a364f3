"""Changes that break networks and firewalls, each of which a policy must report."""

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
        "multi-network-ingress-not-from-internet", [GROUP], "the internet", put("ingress.0.cidrBlocks", EVERYBODY)
    ),
    Mutation("multi-network-ingress-not-from-internet", [FIREWALL], "the internet", put("sourceRanges", EVERYBODY)),
    Mutation("multi-network-ingress-not-from-internet", [FIREWALL], "no source", without("sourceRanges")),
    Mutation("multi-network-ssh-and-rdp-closed", [GROUP], "SSH", put("ingress.0.fromPort", 22)),
    Mutation("multi-network-ssh-and-rdp-closed", [FIREWALL], "SSH", put("allows.0.ports", ["22"])),
    Mutation("aws-ec2-egress-https-only", [GROUP], "all ports", put("egress.0.protocol", "-1")),
    Mutation("aws-ec2-egress-https-only", [GROUP], "mail", put("egress.0.fromPort", 25)),
    Mutation("multi-network-default-unused", [EC2], "the default group", without("vpcSecurityGroupIds")),
    Mutation(
        "multi-network-default-unused", [GCE], "the default network", put("networkInterfaces", [{"network": "default"}])
    ),
    Mutation("aws-ec2-subnet-auto-public-ip-disabled", [SUBNET], "does", put("mapPublicIpOnLaunch", True)),
    Mutation(
        "gcp-compute-network-custom-with-private-access",
        ["gcp:compute/network:Network"],
        "automatically",
        put("autoCreateSubnetworks", True),
    ),
    Mutation(
        "gcp-compute-network-custom-with-private-access",
        ["gcp:compute/subnetwork:Subnetwork"],
        "public",
        put("privateIpGoogleAccess", False),
    ),
]
