"""Test cases for the policies on networks and firewalls."""

from __future__ import annotations

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import FIREWALL, GCE, GROUP, INSTANCE, Case
from tests.policies.resources import resource

EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"

OPEN = {"protocol": "tcp", "cidrBlocks": ["0.0.0.0/0"]}

CASES = [
    Case(
        "multi-network-ingress-not-from-internet",
        [resource(GROUP, {"ingress": [{"cidrBlocks": ["0.0.0.0/0"]}]})],
        "0.0.0.0/0",
    ),
    Case(
        "multi-network-ingress-not-from-internet",
        [resource(GROUP, {"ingress": [{"ipv6CidrBlocks": ["::/0"]}]})],
        "::/0",
    ),
    Case(
        "multi-network-ingress-not-from-internet",
        [resource("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", {"cidrIpv4": "128.0.0.0/1"})],
        "128.0.0.0/1",
    ),
    Case(
        "multi-network-ingress-not-from-internet",
        [resource("aws:ec2/securityGroupRule:SecurityGroupRule", {"type": "ingress", "cidrBlocks": ["0.0.0.0/0"]})],
        "0.0.0.0/0",
    ),
    Case(
        "multi-network-ingress-not-from-internet", [resource(FIREWALL, {"allows": [{"protocol": "tcp"}]})], "0.0.0.0/0"
    ),
    Case(
        "multi-network-ingress-not-from-internet",
        [resource("aws:ec2/managedPrefixList:ManagedPrefixList", {"entries": [{"cidr": "0.0.0.0/0"}]})],
        "0.0.0.0/0",
    ),
    Case(
        "multi-network-ingress-not-from-internet",
        [resource(GROUP, {"ingress": [{"cidrBlocks": ["10.0.0.0/33"]}]})],
        "'10.0.0.0/33', which is no network",
    ),
    Case(
        "multi-network-ingress-not-from-internet",
        [
            resource(
                GROUP, {"ingress": [{"cidrBlocks": ["104.16.0.0/12"]}], "egress": [{"cidrBlocks": ["0.0.0.0/0"]}]}
            ),
            resource(FIREWALL, {"allows": [{"protocol": "tcp"}], "sourceRanges": ["10.0.0.0/8", "2a06::/16"]}),
            resource(FIREWALL, {"direction": "EGRESS", "allows": [{"protocol": "tcp"}]}),
        ],
    ),
    *[
        Case("multi-network-ingress-not-from-internet", [resource(GROUP, {"ingress": [rule]}, within=within)], says)
        for rule, within, says in (
            ({**OPEN, "fromPort": 443, "toPort": 443}, "artifact-edge:pop:Ec2Pop", ""),
            ({**OPEN, "fromPort": 443, "toPort": 444}, "artifact-edge:pop:Ec2Pop", "0.0.0.0/0"),
            ({**OPEN, "protocol": "-1"}, "artifact-edge:pop:Ec2Pop", "0.0.0.0/0"),
            ({**OPEN, "fromPort": 443, "toPort": 443}, "artifact-edge:shield:Ec2Shield", "0.0.0.0/0"),
        )
    ],
    *[
        Case("multi-network-ssh-and-rdp-closed", [resource(GROUP, {"ingress": [rule]})], says, count=n)
        for rule, says, n in (
            ({"protocol": "tcp", "fromPort": 22, "toPort": 22}, "port 22 is let in", 1),
            ({"protocol": "tcp", "fromPort": 3000, "toPort": 4000}, "port 3389 is let in", 1),
            ({"protocol": "tcp", "fromPort": 0, "toPort": 65535}, " is let in", 2),
            ({"protocol": "-1", "fromPort": 0, "toPort": 0}, " is let in", 2),
            # The protocol -1 in a security group rule means all protocols. AWS then ignores the rule's ports and lets
            # in all traffic.
            ({"protocol": "-1", "fromPort": 443, "toPort": 443}, " is let in", 2),
        )
    ],
    Case(
        "multi-network-ssh-and-rdp-closed",
        [resource(FIREWALL, {"allows": [{"protocol": "tcp", "ports": ["20-25"]}], "sourceRanges": ["10.0.0.1/32"]})],
        "port 22 is let in",
    ),
    Case(
        "multi-network-ssh-and-rdp-closed",
        [resource(FIREWALL, {"allows": [{"protocol": "all"}]})],
        " is let in",
        count=2,
    ),
    Case(
        "multi-network-ssh-and-rdp-closed",
        [
            resource(GROUP, {"ingress": [{"protocol": "tcp", "fromPort": 8443, "toPort": 8443}]}),
            resource(GROUP, {"ingress": [{"protocol": "udp", "fromPort": 0, "toPort": 65535}]}),
            resource(FIREWALL, {"allows": [{"protocol": "tcp", "ports": ["443", "8000-9000"]}]}),
            resource(FIREWALL, {"direction": "EGRESS", "allows": [{"protocol": "tcp", "ports": ["22"]}]}),
        ],
    ),
    Case(
        "aws-ec2-egress-https-only",
        [resource(GROUP, {"egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}]})],
        "it lets -1 out to everywhere on all ports",
    ),
    Case(
        "aws-ec2-egress-https-only",
        [resource(GROUP, {"egress": [{"protocol": "tcp", "fromPort": 25, "toPort": 25, "ipv6CidrBlocks": ["::/0"]}]})],
        "it lets tcp out to everywhere on 25",
    ),
    Case(
        "aws-ec2-egress-https-only",
        [resource(EGRESS, {"ipProtocol": "tcp", "fromPort": 80, "toPort": 443, "cidrIpv4": "0.0.0.0/0"})],
        "to everywhere on 80-443",
    ),
    Case(
        "aws-ec2-egress-https-only",
        [
            resource(
                "aws:ec2/securityGroupRule:SecurityGroupRule",
                {"type": "egress", "protocol": "-1", "fromPort": 0, "cidrBlocks": ["0.0.0.0/0"]},
            )
        ],
        "to everywhere on",
    ),
    Case(
        "aws-ec2-egress-https-only",
        [
            resource(
                GROUP,
                {
                    "egress": [
                        {"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["0.0.0.0/0"]},
                        {"protocol": "udp", "fromPort": 53, "toPort": 53, "cidrBlocks": ["10.0.0.2/32"]},
                    ]
                },
            ),
        ],
    ),
    Case(
        "aws-ec2-egress-https-only",
        [resource(EGRESS, {"ipProtocol": "tcp", "fromPort": 80, "toPort": 80, "cidrIpv4": "0.0.0.0/0"})],
        config={"ports": [80, 443]},
    ),
    Case("multi-network-default-unused", [resource(INSTANCE, {})], "it names no security group"),
    Case("multi-network-default-unused", [resource(GCE, {"networkInterfaces": [{}]})], "it is in the default network"),
    Case(
        "multi-network-default-unused",
        [resource(GCE, {"networkInterfaces": [{"network": "projects/x/global/networks/default"}]})],
        "it is in the default network",
    ),
    Case(
        "multi-network-default-unused",
        [resource("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", {"egress": [{"protocol": "-1"}]})],
        "the default security group allows traffic",
    ),
    Case(
        "multi-network-default-unused",
        [
            resource(INSTANCE, {"vpcSecurityGroupIds": [UNKNOWN_STRING_VALUE]}),
            resource(GCE, {"networkInterfaces": [{"subnetwork": UNKNOWN_STRING_VALUE}]}),
            resource("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", {}),
        ],
    ),
    Case(
        "aws-ec2-subnet-auto-public-ip-disabled",
        [resource("aws:ec2/subnet:Subnet", {"mapPublicIpOnLaunch": True})],
        "map_public_ip_on_launch is true",
    ),
    Case("aws-ec2-subnet-auto-public-ip-disabled", [resource("aws:ec2/subnet:Subnet", {})]),
    Case(
        "gcp-compute-network-custom-with-private-access",
        [resource("gcp:compute/network:Network", {})],
        "it creates subnetworks in every region automatically",
    ),
    Case(
        "gcp-compute-network-custom-with-private-access",
        [resource("gcp:compute/subnetwork:Subnetwork", {})],
        "it reaches Google's services by the internet",
    ),
    Case(
        "gcp-compute-network-custom-with-private-access",
        [
            resource("gcp:compute/network:Network", {"autoCreateSubnetworks": False}),
            resource("gcp:compute/subnetwork:Subnetwork", {"privateIpGoogleAccess": True}),
        ],
    ),
    *[
        Case("multi-network-ipv4-only", [resource(of, props)], says)
        for of, props, says in (
            (INSTANCE, {"ipv6AddressCount": 1.0}, "it has ipv6AddressCount"),
            ("aws:ec2/route:Route", {"destinationIpv6CidrBlock": "::/0"}, "it has destinationIpv6CidrBlock"),
            ("gcp:compute/subnetwork:Subnetwork", {"stackType": "IPV4_IPV6"}, "an IPv6 address"),
            (GCE, {"networkInterfaces": [{"ipv6AccessConfigs": [{"networkTier": "PREMIUM"}]}]}, "an IPv6 address"),
        )
    ],
    Case(
        "multi-network-ipv4-only",
        [
            resource(INSTANCE, {"ami": "ami-1"}),
            resource("aws:ec2/route:Route", {"destinationCidrBlock": "0.0.0.0/0"}),
            resource(
                GCE, {"networkInterfaces": [{"stackType": "IPV4_ONLY", "accessConfigs": [{"natIp": "192.0.2.1"}]}]}
            ),
        ],
    ),
]
