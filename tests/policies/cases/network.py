"""Cases of who may connect."""

from __future__ import annotations

from tests.policies.cases.parts import FIREWALL, GROUP, Case
from tests.policies.resources import resource

CASES = [
    Case("shield-closed-to-the-internet", [resource(GROUP, {"ingress": [{"cidrBlocks": ["0.0.0.0/0"]}]})], "0.0.0.0/0"),
    Case("shield-closed-to-the-internet", [resource(GROUP, {"ingress": [{"ipv6CidrBlocks": ["::/0"]}]})], "::/0"),
    Case(
        "shield-closed-to-the-internet",
        [resource("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", {"cidrIpv4": "128.0.0.0/1"})],
        "128.0.0.0/1",
    ),
    Case(
        "shield-closed-to-the-internet",
        [resource("aws:ec2/securityGroupRule:SecurityGroupRule", {"type": "ingress", "cidrBlocks": ["0.0.0.0/0"]})],
        "0.0.0.0/0",
    ),
    Case("shield-closed-to-the-internet", [resource(FIREWALL, {"allows": [{"protocol": "tcp"}]})], "0.0.0.0/0"),
    Case(
        "shield-closed-to-the-internet",
        [resource("aws:ec2/managedPrefixList:ManagedPrefixList", {"entries": [{"cidr": "0.0.0.0/0"}]})],
        "0.0.0.0/0",
    ),
    Case(
        "shield-closed-to-the-internet",
        [resource(GROUP, {"ingress": [{"cidrBlocks": ["10.0.0.0/33"]}]})],
        "'10.0.0.0/33', which is no network",
    ),
    Case(
        "shield-closed-to-the-internet",
        [
            resource(
                GROUP, {"ingress": [{"cidrBlocks": ["104.16.0.0/12"]}], "egress": [{"cidrBlocks": ["0.0.0.0/0"]}]}
            ),
            resource(FIREWALL, {"allows": [{"protocol": "tcp"}], "sourceRanges": ["10.0.0.0/8", "2a06::/16"]}),
            resource(FIREWALL, {"direction": "EGRESS", "allows": [{"protocol": "tcp"}]}),
        ],
    ),
]
