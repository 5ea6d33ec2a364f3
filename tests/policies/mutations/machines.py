"""Shield machines and their networks, broken."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Sequence

from tests.policies.cases.parts import PRIVATE_KEY
from tests.policies.mutations import Mutation, StackMutation
from tests.policies.mutations.changes import beside, gone, put, text, without
from tests.support.harness import Registered

EC2, GCE = "aws:ec2/instance:Instance", "gcp:compute/instance:Instance"
GROUP, FIREWALL = "aws:ec2/securityGroup:SecurityGroup", "gcp:compute/firewall:Firewall"
SUBNET = "aws:ec2/subnet:Subnet"
ROLE_POLICY, BUCKET, WAYS = "aws:iam/rolePolicy:RolePolicy", "aws:s3/bucket:Bucket", "origin-ways"
FRONT = "aws:lb/targetGroupAttachment:TargetGroupAttachment"
GCE_FRONT = "gcp:compute/targetInstance:TargetInstance"
PACKED = base64.b64encode(gzip.compress(PRIVATE_KEY.encode())).decode()
EVERYBODY = ["0.0.0.0/0"]


def without_region(stack: Sequence[Registered]) -> Iterator[Sequence[Registered]]:
    """Each time all machines of one shield region less."""
    for shield in (each for each in stack if each.type.startswith("artifact-edge:shield:")):
        yield [each for each in stack if each.type not in (EC2, GCE) or each.parent != shield.urn]


def on_one_cloud(stack: Sequence[Registered]) -> Iterator[Sequence[Registered]]:
    """All machines of the other cloud less."""
    clouds = {each.type for each in stack} & {EC2, GCE}
    for token in clouds if len(clouds) > 1 else ():
        yield [each for each in stack if each.type not in (EC2, GCE) or each.type == token]


MUTATIONS: list[Mutation | StackMutation] = [
    Mutation("credentials-of-shields-stay-with-them", [ROLE_POLICY], "good anywhere", gone, lambda p: p.name == WAYS),
    Mutation("credentials-of-shields-stay-with-them", [BUCKET], "another bucket", beside(BUCKET, bucket="added")),
    StackMutation("shields-in-many-regions", [EC2, GCE], "a region less", without_region),
    StackMutation("no-cloud-alone", [EC2, GCE], "one cloud", on_one_cloud),
    Mutation("machine-metadata-needs-session", [EC2], "IMDSv1", put("metadataOptions.httpTokens", "optional")),
    Mutation("machine-metadata-needs-session", [EC2], "two hops", put("metadataOptions.httpPutResponseHopLimit", 2)),
    Mutation("shield-on-nvme", [EC2], "a type without disks", put("instanceType", "m7i.2xlarge")),
    Mutation("shield-on-nvme", [GCE], "no local SSD", put("scratchDisks", [])),
    Mutation("volume-encrypted", [EC2], "root in the clear", put("rootBlockDevice.encrypted", False)),
    Mutation("volume-encrypted", [EC2], "a second volume", put("ebsBlockDevices", [{"deviceName": "/dev/sdb"}])),
    *[
        Mutation("machine-hardened", [GCE], f"{name} off", put(f"shieldedInstanceConfig.{name}", False))
        for name in ("enableSecureBoot", "enableVtpm", "enableIntegrityMonitoring")
    ],
    Mutation("machine-hardened", [GCE], "the project's keys", without("metadata.block-project-ssh-keys")),
    Mutation("machine-hardened", [GCE], "a serial console", put("metadata.serial-port-enable", "true")),
    Mutation("machine-has-its-own-identity", [EC2], "no profile", without("iamInstanceProfile")),
    Mutation("machine-has-its-own-identity", [GCE], "no account", without("serviceAccount")),
    Mutation("machine-forwards-nothing", [EC2], "forwards", put("sourceDestCheck", False)),
    Mutation("machine-forwards-nothing", [EC2], "a login key", put("keyName", "me")),
    Mutation("machine-forwards-nothing", [GCE], "forwards", put("canIpForward", True)),
    Mutation("machine-types-chosen", [EC2], "a dear type", put("instanceType", "i4i.32xlarge")),
    Mutation("machine-types-chosen", [GCE], "a dear type", put("machineType", "n2-standard-128")),
    Mutation("no-secret-in-user-data", [EC2], "a key", text("userData", lambda data: data + PRIVATE_KEY)),
    Mutation("no-secret-in-user-data", [EC2], "a packed key", text("userData", lambda data: data + PACKED)),
    Mutation("no-secret-in-user-data", [GCE], "a key", put("metadata.startup-script", PRIVATE_KEY)),
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
    Mutation("shield-behind-the-edge", [GROUP], "an office", put("ingress.0.cidrBlocks", ["203.0.113.0/24"])),
    Mutation("shield-behind-the-edge", [GROUP], "one more port", put("ingress.0.toPort", 9000)),
    Mutation("shield-behind-the-edge", [FIREWALL], "one more port", put("allows.0.ports", ["443"])),
    Mutation(
        "shield-behind-the-edge",
        [FIREWALL],
        "an office",
        put("sourceRanges", ["203.0.113.0/24"]),
        lambda rule: rule.name.endswith("-edge"),
    ),
    Mutation("shield-behind-the-edge", [EC2], "no group of ours", without("vpcSecurityGroupIds")),
    Mutation("shield-behind-the-edge", [EC2], "a load balancer", beside(FRONT, depends="targetId", targetId="i-1")),
    Mutation("shield-behind-the-edge", [GCE], "a forwarding", beside(GCE_FRONT, depends="instance", instance="x")),
    Mutation("shields-spread-over-zones", [EC2], "a machine less", gone, lambda machine: machine.name.endswith("-1")),
    Mutation("shields-spread-over-zones", [GCE], "a machine less", gone),
]
