"""Mutations of machines."""

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
    Mutation("machine-metadata-needs-session", [EC2], "IMDSv1", put("metadataOptions.httpTokens", "optional")),
    Mutation("machine-metadata-needs-session", [EC2], "two hops", put("metadataOptions.httpPutResponseHopLimit", 2)),
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
]
