"""Cases of machines."""

from __future__ import annotations

import base64

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import GCE, INSTANCE, PRIVATE_KEY, USER_DATA, VERIFIED, Case, packed
from tests.policies.resources import resource

SESSION = {"httpTokens": "required", "httpPutResponseHopLimit": 1}

CASES = [
    Case("machine-metadata-needs-session", [resource(INSTANCE, {})], " is None", count=2),
    Case(
        "machine-metadata-needs-session",
        [resource(INSTANCE, {"metadataOptions": {**SESSION, "httpTokens": "optional"}})],
        "http_tokens is 'optional'",
    ),
    Case(
        "machine-metadata-needs-session",
        [resource(INSTANCE, {"metadataOptions": {**SESSION, "httpPutResponseHopLimit": 2}})],
        "http_put_response_hop_limit is 2",
    ),
    Case(
        "machine-metadata-needs-session",
        [
            resource(INSTANCE, {"metadataOptions": SESSION}),
            resource(INSTANCE, {"metadataOptions": {"httpEndpoint": "disabled"}}),
        ],
    ),
    Case("volume-encrypted", [resource("aws:ebs/volume:Volume", {})], "the volume is not encrypted"),
    Case("volume-encrypted", [resource(INSTANCE, {})], "the root volume is not encrypted"),
    Case(
        "volume-encrypted",
        [resource(INSTANCE, {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [{"deviceName": "/dev/sdb"}]})],
        "/dev/sdb is not encrypted",
    ),
    Case(
        "volume-encrypted",
        [
            resource(INSTANCE, {"rootBlockDevice": {"encrypted": True}}),
            resource("aws:ebs/volume:Volume", {"encrypted": True}),
        ],
    ),
    Case(
        "machine-hardened",
        [
            resource(
                GCE,
                {
                    "shieldedInstanceConfig": {"enableVtpm": True, "enableIntegrityMonitoring": True},
                    "metadata": {"block-project-ssh-keys": "true"},
                },
            )
        ],
        "enableSecureBoot is not true",
    ),
    Case(
        "machine-hardened",
        [resource(GCE, {"shieldedInstanceConfig": VERIFIED, "metadata": {}})],
        "the project's SSH keys are let in",
    ),
    Case(
        "machine-hardened",
        [
            resource(
                GCE,
                {
                    "shieldedInstanceConfig": VERIFIED,
                    "metadata": {"block-project-ssh-keys": "true", "serial-port-enable": "1"},
                },
            )
        ],
        "the serial console is open",
    ),
    Case(
        "machine-hardened",
        [
            resource(
                GCE,
                {
                    "shieldedInstanceConfig": VERIFIED,
                    "metadata": {"block-project-ssh-keys": "TRUE", "serial-port-enable": "false"},
                },
            )
        ],
    ),
    Case(
        "no-secret-in-user-data",
        [resource(INSTANCE, {"userData": PRIVATE_KEY})],
        "userData seems to hold a private key",
    ),
    Case(
        "no-secret-in-user-data",
        [resource(INSTANCE, {"userDataBase64": base64.b64encode(PRIVATE_KEY.encode()).decode()})],
        "a private key",
    ),
    *[
        Case(
            "no-secret-in-user-data",
            [
                resource(
                    INSTANCE, {"userData": f"write_files:\n- content: {packed(PRIVATE_KEY, padding)}\n  owner: root\n"}
                )
            ],
            "a private key",
        )
        for padding in (0, 1, 2)
    ],
    Case(
        "no-secret-in-user-data",
        [resource(INSTANCE, {"userDataBase64": packed(PRIVATE_KEY)})],
        "seems to hold a private",
    ),
    Case(
        "no-secret-in-user-data",
        [resource("aws:ec2/launchTemplate:LaunchTemplate", {"userData": packed(PRIVATE_KEY)})],
        "a private key",
    ),
    Case(
        "no-secret-in-user-data",
        [resource(GCE, {"metadataStartupScript": f"echo '{PRIVATE_KEY}'"})],
        "metadataStartupScript seems to hold a private key",
    ),
    Case(
        "no-secret-in-user-data",
        [resource(GCE, {"metadata": {"user-data": "origin_key: tC9mXn2VqYb7RkLw8ZsE4uJhG1oPaD6iFxT3vN5cMyQ"}})],
        "metadata user-data seems to hold a long random text",
    ),
    Case(
        "no-secret-in-user-data",
        [resource(INSTANCE, {"userData": f"#cloud-config\nwrite_files:\n- content: {packed('CONFIG x STRING y')}\n"})],
    ),
    Case("no-secret-in-user-data", [resource(INSTANCE, {"userData": USER_DATA})]),
    Case("machine-has-its-own-identity", [resource(INSTANCE, {})], "it has no instance profile"),
    Case("machine-has-its-own-identity", [resource(GCE, {})], "default service account, or none"),
    Case(
        "machine-has-its-own-identity",
        [resource(GCE, {"serviceAccount": {"email": "1-compute@developer.gserviceaccount.com"}})],
        "it has the project's default service account",
    ),
    Case(
        "machine-has-its-own-identity",
        [
            resource(INSTANCE, {"iamInstanceProfile": UNKNOWN_STRING_VALUE}),
            resource(GCE, {"serviceAccount": {"email": "shield@x.iam.gserviceaccount.com"}}),
        ],
    ),
    Case("machine-forwards-nothing", [resource(INSTANCE, {"sourceDestCheck": False})], "may forward packets"),
    Case("machine-forwards-nothing", [resource(GCE, {"canIpForward": True})], "may forward packets"),
    Case("machine-forwards-nothing", [resource(INSTANCE, {"keyName": "me"})], "a login key"),
    Case("machine-forwards-nothing", [resource(GCE, {"metadata": {"ssh-keys": "me:ssh-ed25519 x"}})], "a login key"),
    Case("machine-forwards-nothing", [resource(INSTANCE, {"sourceDestCheck": True}), resource(GCE, {"metadata": {}})]),
    Case(
        "machine-types-chosen",
        [resource(INSTANCE, {"instanceType": "i4i.32xlarge"})],
        "i4i.32xlarge is not among i4i.large",
        config={"types": ["i4i.large"]},
    ),
    Case(
        "machine-types-chosen",
        [resource(GCE, {"machineType": "n2-standard-128"})],
        "n2-standard-128 is not among",
        config={"types": ["n2-standard-?"]},
    ),
    Case(
        "machine-types-chosen", [resource(GCE, {"machineType": "n2-standard-8"})], config={"types": ["n2-standard-?"]}
    ),
    Case("machine-types-chosen", [resource(INSTANCE, {"instanceType": "i4i.32xlarge"})]),
]
