"""Test cases for the policies on shield machines (regional caches)."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import FIREWALL, GCE, GROUP, INSTANCE, PRIMARY, Case, document
from tests.policies.resources import resource

SHIELD = "artifact-edge:shield:Ec2Shield"
POP = "artifact-edge:pop:Ec2Pop"
SUBNET = "aws:ec2/subnet:Subnet"
EDGE = ["104.16.0.0/13", "2606:4700::/32"]
FRONT = "aws:lb/targetGroupAttachment:TargetGroupAttachment"


def group(within: str = SHIELD, **rule: Any) -> PolicyResource:
    opening = {"protocol": "tcp", "fromPort": 8443, "toPort": 8443, "cidrBlocks": EDGE, **rule}
    return resource(GROUP, {"ingress": [opening]}, within=within)


def firewall(ports: list[str], sources: list[str]) -> PolicyResource:
    allowed = [{"protocol": "tcp", "ports": ports}]
    return resource(FIREWALL, {"allows": allowed, "sourceRanges": sources}, within="artifact-edge:shield:GceShield")


def tagged_firewall(tags: Any) -> PolicyResource:
    rule = {"allows": [{"protocol": "tcp", "ports": ["8443"]}], "sourceRanges": EDGE, "sourceTags": tags}
    return resource(FIREWALL, rule, within="artifact-edge:shield:GceShield")


def guarded(by: PolicyResource) -> PolicyResource:
    return resource(INSTANCE, {"vpcSecurityGroupIds": [UNKNOWN_STRING_VALUE]}, on={"vpcSecurityGroupIds": [by]})


def doubly_guarded(*by: PolicyResource) -> PolicyResource:
    return resource(INSTANCE, {"vpcSecurityGroupIds": [UNKNOWN_STRING_VALUE]}, on={"vpcSecurityGroupIds": by})


def origin_access(**changes: Any) -> PolicyResource:
    """Returns the policy of the IAM role of the shields (regional caches). The policy denies requests for the primary
    bucket and its objects if the requests do not come from the shields' networks.
    """
    statement = {
        "Effect": "Deny",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": ["arn:aws:s3:::primary", "arn:aws:s3:::primary/*"],
        "Condition": {
            "StringNotEquals": {"aws:SourceVpce": "vpce-1"},
            "NotIpAddress": {"aws:SourceIp": ["203.0.113.1/32"]},
        },
        **changes,
    }
    token = "aws:iam/rolePolicy:RolePolicy"
    return resource(token, {"policy": document(statement)}, within="artifact-edge:identity:OriginWays")


def machine(region: str, subnet: PolicyResource) -> PolicyResource:
    return resource(INSTANCE, {"region": region, "subnetId": UNKNOWN_STRING_VALUE}, on={"subnetId": [subnet]})


def zone(name: str) -> PolicyResource:
    return resource(SUBNET, {"availabilityZone": name}, name)


def gce(name: str) -> PolicyResource:
    return resource(GCE, {"zone": name})


A = zone("us-east-1a")
B = zone("us-east-1b")
PAIR = [A, B, machine("us-east-1", A), machine("us-east-1", B)]
TIER = resource("artifact-edge:blobs:S3Blobs", {})
GUARD = group()

POP_ADDRESS = resource("aws:ec2/eip:Eip", {"publicIp": "203.0.113.7"}, within="artifact-edge:pop:PopAddresses")
GOOGLE_POP_ADDRESS = resource(
    "gcp:compute/address:Address", {"address": "203.0.113.7"}, within="artifact-edge:pop:GcePopAddresses"
)
OTHER_ADDRESS = resource("aws:ec2/eip:Eip", {"publicIp": "203.0.113.7"}, within="artifact-edge:shield:Ec2Shield")

CASES = [
    Case("multi-shield-ingress-from-edge-only", [group(cidrBlocks=[*EDGE, "203.0.113.7/32"]), POP_ADDRESS]),
    Case("multi-shield-ingress-from-edge-only", [group(cidrBlocks=[*EDGE, "203.0.113.7/32"]), GOOGLE_POP_ADDRESS]),
    Case(
        "multi-shield-ingress-from-edge-only",
        [group(cidrBlocks=[*EDGE, "203.0.113.0/24"]), POP_ADDRESS],
        "it lets in 203.0.113.0/24 as if it were the edge",
    ),
    Case(
        "multi-shield-ingress-from-edge-only",
        [group(cidrBlocks=[*EDGE, "203.0.113.7/32"]), OTHER_ADDRESS],
        "it lets in 203.0.113.7/32 as if it were the edge",
    ),
    *[
        Case("multi-shield-ingress-from-edge-only", [group(SHIELD, **rule)], says)
        for rule, says in (
            ({"cidrBlocks": ["203.0.113.0/24"]}, "it lets in 203.0.113.0/24 as if it were the edge"),
            ({"cidrBlocks": ["104.0.0.0/8"]}, "it lets in 104.0.0.0/8 as if it were the edge"),
            ({"fromPort": 443, "toPort": 443}, "it lets in tcp on 443"),
            ({"fromPort": 8000, "toPort": 9000}, "it lets in tcp on 8000-9000"),
            ({"protocol": "-1", "fromPort": 0, "toPort": 0}, "it lets in -1 on all ports"),
            ({"protocol": "udp"}, "it lets in udp on 8443"),
            ({"self": True}, "it lets in self as if they were the edge"),
            ({"securityGroups": ["sg-1"]}, "it lets in securityGroups as if they were the edge"),
        )
    ],
    Case("multi-shield-ingress-from-edge-only", [firewall(["8443"], ["203.0.113.0/24"])], "as if it were the edge"),
    Case("multi-shield-ingress-from-edge-only", [firewall(["22"], EDGE)], "it lets in tcp on 22"),
    Case(
        "multi-shield-ingress-from-edge-only",
        [tagged_firewall(["x"])],
        "it lets in sourceTags as if they were the edge",
    ),
    # The policy must report nothing about this firewall. In a preview, the firewall's source tags are unknown, and the
    # list of tags can turn out to be empty.
    Case("multi-shield-ingress-from-edge-only", [tagged_firewall(UNKNOWN_STRING_VALUE)]),
    Case("multi-shield-ingress-from-edge-only", [resource(INSTANCE, {})], "no security group of the shields guards it"),
    Case("multi-shield-ingress-from-edge-only", [guarded(group(within=POP))], "security group", count=2),
    Case(
        "multi-shield-ingress-from-edge-only", [GUARD, doubly_guarded(GUARD, group(within=POP))], "is of another tier"
    ),
    Case("multi-shield-ingress-from-edge-only", [resource(FRONT, {}, within=SHIELD)], "it leads to a shield"),
    Case(
        "multi-shield-ingress-from-edge-only",
        [GUARD, guarded(GUARD), resource(FRONT, {"targetId": UNKNOWN_STRING_VALUE}, on={"targetId": [guarded(GUARD)]})],
        "it leads to a shield",
    ),
    Case(
        "multi-shield-ingress-from-edge-only",
        [
            GUARD,
            guarded(GUARD),
            group(fromPort=8080, toPort=8080, cidrBlocks=["15.177.0.0/18"], prefixListIds=["pl-1"]),
            group(within=POP, cidrBlocks=["203.0.113.0/24"]),
            firewall(["8443"], EDGE),
            firewall(["8080"], ["15.177.0.0/18"]),
            resource(FRONT, {"targetId": "i-1"}),
            resource(INSTANCE, {}, within=POP),
        ],
    ),
    Case(
        "multi-shield-ingress-from-edge-only",
        [group(cidrBlocks=["203.0.113.0/24"])],
        config={"edge_networks": ["203.0.113.0/24"]},
    ),
    Case("stack-shields-in-many-regions", [TIER, *PAIR], "the stack has shields in 1 regions; the minimum is 6"),
    Case("stack-shields-in-many-regions", [TIER], "the stack has shields in 0 regions; the minimum is 6"),
    Case(
        "stack-shields-in-many-regions",
        [TIER, *PAIR, gce("us-east4-b")],
        "in 2 regions; the minimum is 3",
        {"regions": 3},
    ),
    Case("stack-shields-in-many-regions", [TIER, *PAIR, gce("us-east4-b")], config={"regions": 2}),
    Case("stack-shields-in-many-regions", [resource("aws:s3/bucket:Bucket", {})]),
    Case("stack-shields-spread-over-zones", [A, machine("us-east-1", A)], "the shield in us-east-1 has 1 ", count=2),
    Case("stack-shields-spread-over-zones", [A, *[machine("us-east-1", A)] * 2], "has 1 zones; the minimum is 2"),
    Case("stack-shields-spread-over-zones", PAIR, "has 2 nodes; the minimum is 3", {"nodes": 3}),
    Case("stack-shields-spread-over-zones", [*PAIR, gce("us-east4-b"), gce("us-east4-b")], "us-east4 has 1 zones"),
    Case("stack-shields-spread-over-zones", [*PAIR, gce("us-east4-b"), gce("us-east4-c")]),
    Case("stack-shields-spread-over-zones", [A, machine("us-east-1", A)], config={"nodes": 1, "zones": 1}),
    Case("stack-shields-spread-over-clouds", PAIR, "2 of 2 shield machines stand on aws; at most 80% may"),
    Case(
        "stack-shields-spread-over-clouds", [*PAIR, *PAIR, gce("us-east4-b")], "4 of 5 shield machines", {"share": 0.7}
    ),
    Case("stack-shields-spread-over-clouds", [*PAIR, *PAIR, gce("us-east4-b")]),
    Case("stack-shields-spread-over-clouds", PAIR, config={"share": 1}),
    Case("aws-iam-shield-credentials-network-bound", [PRIMARY, *PAIR], "reads its objects from anywhere"),
    *[
        Case(
            "aws-iam-shield-credentials-network-bound",
            [PRIMARY, *PAIR, origin_access(**changes)],
            "reads its objects from anywhere",
        )
        for changes in (
            {"Effect": "Allow"},
            {"Action": "s3:ListBucket"},
            {"Resource": "arn:aws:s3:::another/*"},
            {"Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}},
            {"Condition": {"StringNotEquals": {"aws:PrincipalAccount": "1"}}},
        )
    ],
    Case("aws-iam-shield-credentials-network-bound", [PRIMARY, *PAIR, origin_access()]),
    Case("aws-iam-shield-credentials-network-bound", [PRIMARY]),
    Case(
        "multi-shield-cache-on-nvme", [resource(INSTANCE, {"instanceType": "m6i.large"})], "m6i.large has no NVMe disk"
    ),
    Case(
        "multi-shield-cache-on-nvme",
        [resource(GCE, {"machineType": "n2-standard-8"})],
        "n2-standard-8 has no NVMe disk",
    ),
    Case(
        "multi-shield-cache-on-nvme",
        [
            *[
                resource(INSTANCE, {"instanceType": name})
                for name in ("i4i.large", "i3en.xlarge", "c6id.large", "im4gn.large")
            ],
            resource(GCE, {"machineType": "c3-standard-8-lssd"}),
            resource(GCE, {"machineType": "n2-standard-8", "scratchDisks": [{"interface": "NVME"}]}),
        ],
    ),
]
