"""Cases of machines."""

from __future__ import annotations

import base64

from infra.shield.user_data import user_data
from tests.policies.cases.parts import GCE, INSTANCE, MACHINE, PRIVATE_KEY, VERIFIED, Case, packed
from tests.policies.resources import resource

CASES = [
    Case("machine-metadata-needs-session", [resource(INSTANCE, {})], "http_tokens is None"),
    Case(
        "machine-metadata-needs-session",
        [resource(INSTANCE, {"metadataOptions": {"httpTokens": "optional"}})],
        "'optional'",
    ),
    Case(
        "machine-metadata-needs-session",
        [
            resource(INSTANCE, {"metadataOptions": {"httpTokens": "required"}}),
            resource(INSTANCE, {"metadataOptions": {"httpEndpoint": "disabled"}}),
        ],
    ),
    Case("shield-on-nvme", [resource(INSTANCE, {"instanceType": "m6i.large"})], "m6i.large has no NVMe disk"),
    Case("shield-on-nvme", [resource(GCE, {"machineType": "n2-standard-8"})], "n2-standard-8 has no NVMe disk"),
    Case(
        "shield-on-nvme",
        [
            *[
                resource(INSTANCE, {"instanceType": name})
                for name in ("i4i.large", "i3en.xlarge", "c6id.large", "im4gn.large")
            ],
            resource(GCE, {"machineType": "c3-standard-8-lssd"}),
            resource(GCE, {"machineType": "n2-standard-8", "scratchDisks": [{"interface": "NVME"}]}),
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
    Case("no-secret-in-user-data", [resource(INSTANCE, {"userData": user_data(MACHINE)})]),
]
