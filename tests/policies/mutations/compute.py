"""Harmful changes to virtual machines of AWS and Google Cloud. Tests make each change, and a policy must report it."""

from __future__ import annotations

import base64
import gzip

from tests.policies.cases.parts import PRIVATE_KEY
from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, text, without

EC2 = "aws:ec2/instance:Instance"
GCE = "gcp:compute/instance:Instance"
PACKED = base64.b64encode(gzip.compress(PRIVATE_KEY.encode())).decode()

MUTATIONS = [
    Mutation(
        "aws-ec2-instance-imdsv2-required",
        [EC2],
        "an EC2 instance accepts IMDSv1 requests",
        put("metadataOptions.httpTokens", "optional"),
    ),
    Mutation(
        "aws-ec2-instance-imdsv2-required",
        [EC2],
        "an EC2 instance has the metadata hop limit 2",
        put("metadataOptions.httpPutResponseHopLimit", 2),
    ),
    Mutation(
        "aws-ec2-volume-encrypted",
        [EC2],
        "the root volume of an EC2 instance is not encrypted",
        put("rootBlockDevice.encrypted", False),
    ),
    Mutation(
        "aws-ec2-volume-encrypted",
        [EC2],
        "a second volume of an EC2 instance is not encrypted",
        put("ebsBlockDevices", [{"deviceName": "/dev/sdb"}]),
    ),
    *[
        Mutation(
            "gcp-compute-instance-hardened",
            [GCE],
            f"a Compute Engine machine has {name} disabled",
            put(f"shieldedInstanceConfig.{name}", False),
        )
        for name in ("enableSecureBoot", "enableVtpm", "enableIntegrityMonitoring")
    ],
    Mutation(
        "gcp-compute-instance-hardened",
        [GCE],
        "a Compute Engine machine accepts the project's SSH keys",
        without("metadata.block-project-ssh-keys"),
    ),
    Mutation(
        "gcp-compute-instance-hardened",
        [GCE],
        "a Compute Engine machine has a serial console",
        put("metadata.serial-port-enable", "true"),
    ),
    Mutation(
        "multi-machine-identity-dedicated",
        [EC2],
        "an EC2 instance has no instance profile",
        without("iamInstanceProfile"),
    ),
    Mutation(
        "multi-machine-identity-dedicated",
        [GCE],
        "a Compute Engine machine has no service account",
        without("serviceAccount"),
    ),
    Mutation(
        "multi-machine-forwarding-and-login-keys-off",
        [EC2],
        "an EC2 instance may forward packets",
        put("sourceDestCheck", False),
    ),
    Mutation(
        "multi-machine-forwarding-and-login-keys-off",
        [EC2],
        "an EC2 instance has an SSH key for logins",
        put("keyName", "me"),
    ),
    Mutation(
        "multi-machine-forwarding-and-login-keys-off",
        [GCE],
        "a Compute Engine machine may forward packets",
        put("canIpForward", True),
    ),
    Mutation(
        "multi-machine-type-allowed",
        [EC2],
        "an EC2 instance has an expensive type",
        put("instanceType", "i4i.32xlarge"),
    ),
    Mutation(
        "multi-machine-type-allowed",
        [GCE],
        "a Compute Engine machine has an expensive type",
        put("machineType", "n2-standard-128"),
    ),
    Mutation(
        "multi-machine-user-data-without-secrets",
        [EC2],
        "user data of an EC2 instance contains a private key",
        put("userData", PRIVATE_KEY),
    ),
    Mutation(
        "multi-machine-user-data-without-secrets",
        [EC2],
        "compressed user data of an EC2 instance contains a private key",
        put("userDataBase64", PACKED),
    ),
    Mutation(
        "multi-machine-user-data-without-secrets",
        [GCE],
        "user data of a Compute Engine machine also contains a private key",
        text("metadata.user-data", lambda data: data + PRIVATE_KEY),
    ),
    Mutation(
        "multi-machine-user-data-without-secrets",
        [GCE],
        "a startup script contains a private key",
        put("metadata.startup-script", PRIVATE_KEY),
    ),
]
