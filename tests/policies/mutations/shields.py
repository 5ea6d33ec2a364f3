"""Harmful changes to the shield machines (regional caches) of a stack. Tests make each change, and a policy must report
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.policies.mutations import Mutation, StackMutation
from tests.policies.mutations.changes import add_resource, put, remove, without
from tests.support.harness import Registered

GCE = "gcp:compute/instance:Instance"
EC2 = "aws:ec2/instance:Instance"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
FIREWALL = "gcp:compute/firewall:Firewall"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
WAYS = "origin-ways"
BUCKET = "aws:s3/bucket:Bucket"
FRONT = "aws:lb/targetGroupAttachment:TargetGroupAttachment"
GCE_FRONT = "gcp:compute/targetInstance:TargetInstance"


def without_region(stack: Sequence[Registered]) -> Iterator[Sequence[Registered]]:
    """Yields one changed copy of the stack for each region with shield machines (regional caches). The copy lacks the
    shield machines of this region.
    """
    for shield in {each.parent for each in stack if each.type in (EC2, GCE)}:
        yield [each for each in stack if each.type not in (EC2, GCE) or each.parent != shield]


def on_one_cloud(stack: Sequence[Registered]) -> Iterator[Sequence[Registered]]:
    """Yields a copy of the given stack for each cloud that has shield machines (regional caches). The copy has machines
    on this cloud only. Yields nothing if all machines are on one cloud.
    """
    clouds = {each.type for each in stack} & {EC2, GCE}
    for token in clouds if len(clouds) > 1 else ():
        yield [each for each in stack if each.type not in (EC2, GCE) or each.type == token]


MUTATIONS: list[Mutation | StackMutation] = [
    Mutation(
        "aws-iam-shield-credentials-network-bound",
        [ROLE_POLICY],
        "the shields' credentials work from any network",
        remove,
        lambda p: p.name == WAYS,
    ),
    Mutation(
        "aws-iam-shield-credentials-network-bound",
        [BUCKET],
        "the shields' credentials read a new bucket from any network",
        add_resource(BUCKET, bucket="added"),
    ),
    StackMutation("stack-shields-in-many-regions", [EC2, GCE], "one shield region has no machines", without_region),
    StackMutation("stack-shields-spread-over-clouds", [EC2, GCE], "all shield machines are on one cloud", on_one_cloud),
    Mutation(
        "multi-shield-cache-on-nvme",
        [EC2],
        "an EC2 shield has a type without local NVMe disks",
        put("instanceType", "m7i.2xlarge"),
    ),
    Mutation("multi-shield-cache-on-nvme", [GCE], "a Compute Engine shield has no local SSD", put("scratchDisks", [])),
    Mutation(
        "multi-shield-ingress-from-edge-only",
        [GROUP],
        "a shield's security group admits an office network",
        put("ingress.0.cidrBlocks", ["203.0.113.0/24"]),
    ),
    Mutation(
        "multi-shield-ingress-from-edge-only",
        [GROUP],
        "a shield's security group opens more ports",
        put("ingress.0.toPort", 9000),
    ),
    Mutation(
        "multi-shield-ingress-from-edge-only",
        [FIREWALL],
        "a shield's firewall rule opens another port",
        put("allows.0.ports", ["443"]),
    ),
    Mutation(
        "multi-shield-ingress-from-edge-only",
        [FIREWALL],
        "a shield's firewall rule admits an office network",
        put("sourceRanges", ["203.0.113.0/24"]),
        lambda rule: rule.name.endswith("-edge"),
    ),
    Mutation(
        "multi-shield-ingress-from-edge-only",
        [EC2],
        "a shield machine has no security group of the stack",
        without("vpcSecurityGroupIds"),
    ),
    Mutation(
        "multi-shield-ingress-from-edge-only",
        [EC2],
        "a load balancer forwards to a shield machine",
        add_resource(FRONT, depends="targetId", targetId="i-1"),
    ),
    Mutation(
        "multi-shield-ingress-from-edge-only",
        [GCE],
        "a forwarding target leads to a Compute Engine shield",
        add_resource(GCE_FRONT, depends="instance", instance="x"),
    ),
    Mutation(
        "stack-shields-spread-over-zones",
        [EC2],
        "a shield region has no second EC2 machine",
        remove,
        lambda machine: machine.name.endswith("-1"),
    ),
    Mutation("stack-shields-spread-over-zones", [GCE], "a shield region has no second Compute Engine machine", remove),
]
