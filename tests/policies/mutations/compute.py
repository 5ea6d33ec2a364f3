"""Changes that break virtual machines of AWS and Google Cloud, each of which a policy must report."""

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
    Mutation("aws-ec2-instance-imdsv2-required", [EC2], "IMDSv1", put("metadataOptions.httpTokens", "optional")),
    Mutation("aws-ec2-instance-imdsv2-required", [EC2], "two hops", put("metadataOptions.httpPutResponseHopLimit", 2)),
    Mutation("aws-ec2-volume-encrypted", [EC2], "root in the clear", put("rootBlockDevice.encrypted", False)),
    Mutation(
        "aws-ec2-volume-encrypted", [EC2], "a second volume", put("ebsBlockDevices", [{"deviceName": "/dev/sdb"}])
    ),
    *[
        Mutation("gcp-compute-instance-hardened", [GCE], f"{name} off", put(f"shieldedInstanceConfig.{name}", False))
        for name in ("enableSecureBoot", "enableVtpm", "enableIntegrityMonitoring")
    ],
    Mutation("gcp-compute-instance-hardened", [GCE], "the project's keys", without("metadata.block-project-ssh-keys")),
    Mutation("gcp-compute-instance-hardened", [GCE], "a serial console", put("metadata.serial-port-enable", "true")),
    Mutation("multi-machine-identity-dedicated", [EC2], "no profile", without("iamInstanceProfile")),
    Mutation("multi-machine-identity-dedicated", [GCE], "no account", without("serviceAccount")),
    Mutation("multi-machine-forwarding-and-login-keys-off", [EC2], "forwards", put("sourceDestCheck", False)),
    Mutation("multi-machine-forwarding-and-login-keys-off", [EC2], "a login key", put("keyName", "me")),
    Mutation("multi-machine-forwarding-and-login-keys-off", [GCE], "forwards", put("canIpForward", True)),
    Mutation("multi-machine-type-allowed", [EC2], "a dear type", put("instanceType", "i4i.32xlarge")),
    Mutation("multi-machine-type-allowed", [GCE], "a dear type", put("machineType", "n2-standard-128")),
    Mutation("multi-machine-user-data-without-secrets", [EC2], "a key", put("userData", PRIVATE_KEY)),
    Mutation("multi-machine-user-data-without-secrets", [EC2], "a packed key", put("userDataBase64", PACKED)),
    Mutation(
        "multi-machine-user-data-without-secrets",
        [GCE],
        "a key among others",
        text("metadata.user-data", lambda data: data + PRIVATE_KEY),
    ),
    Mutation("multi-machine-user-data-without-secrets", [GCE], "a key", put("metadata.startup-script", PRIVATE_KEY)),
]
