"""Test cases for the policies on virtual machines of AWS and Google Cloud."""

from __future__ import annotations

import base64

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import GCE, INSTANCE, PRIVATE_KEY, USER_DATA, VERIFIED, Case, packed
from tests.policies.resources import resource

SESSION = {"httpTokens": "required", "httpPutResponseHopLimit": 1}

CASES = [
    Case("aws-ec2-instance-imdsv2-required", [resource(INSTANCE, {})], " is None", count=2),
    Case(
        "aws-ec2-instance-imdsv2-required",
        [resource(INSTANCE, {"metadataOptions": {**SESSION, "httpTokens": "optional"}})],
        "http_tokens is 'optional'",
    ),
    Case(
        "aws-ec2-instance-imdsv2-required",
        [resource(INSTANCE, {"metadataOptions": {**SESSION, "httpPutResponseHopLimit": 2}})],
        "http_put_response_hop_limit is 2",
    ),
    Case(
        "aws-ec2-instance-imdsv2-required",
        [
            resource(INSTANCE, {"metadataOptions": SESSION}),
            resource(INSTANCE, {"metadataOptions": {"httpEndpoint": "disabled"}}),
        ],
    ),
    Case("aws-ec2-volume-encrypted", [resource("aws:ebs/volume:Volume", {})], "the volume is not encrypted"),
    Case("aws-ec2-volume-encrypted", [resource(INSTANCE, {})], "the root volume is not encrypted"),
    Case(
        "aws-ec2-volume-encrypted",
        [resource(INSTANCE, {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [{"deviceName": "/dev/sdb"}]})],
        "/dev/sdb is not encrypted",
    ),
    Case(
        "aws-ec2-volume-encrypted",
        [
            resource(INSTANCE, {"rootBlockDevice": {"encrypted": True}}),
            resource("aws:ebs/volume:Volume", {"encrypted": True}),
        ],
    ),
    Case(
        "gcp-compute-instance-hardened",
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
        "gcp-compute-instance-hardened",
        [resource(GCE, {"shieldedInstanceConfig": VERIFIED, "metadata": {}})],
        "the project's SSH keys can log in",
    ),
    Case(
        "gcp-compute-instance-hardened",
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
        "gcp-compute-instance-hardened",
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
        "multi-machine-user-data-without-secrets",
        [resource(INSTANCE, {"userData": PRIVATE_KEY})],
        "userData seems to hold a private key",
    ),
    Case(
        "multi-machine-user-data-without-secrets",
        [resource(INSTANCE, {"userDataBase64": base64.b64encode(PRIVATE_KEY.encode()).decode()})],
        "a private key",
    ),
    *[
        Case(
            "multi-machine-user-data-without-secrets",
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
        "multi-machine-user-data-without-secrets",
        [resource(INSTANCE, {"userDataBase64": packed(PRIVATE_KEY)})],
        "seems to hold a private",
    ),
    Case(
        "multi-machine-user-data-without-secrets",
        [resource("aws:ec2/launchTemplate:LaunchTemplate", {"userData": packed(PRIVATE_KEY)})],
        "a private key",
    ),
    Case(
        "multi-machine-user-data-without-secrets",
        [resource(GCE, {"metadataStartupScript": f"echo '{PRIVATE_KEY}'"})],
        "metadataStartupScript seems to hold a private key",
    ),
    Case(
        "multi-machine-user-data-without-secrets",
        [resource(GCE, {"metadata": {"user-data": "origin_key: tC9mXn2VqYb7RkLw8ZsE4uJhG1oPaD6iFxT3vN5cMyQ"}})],
        "metadata user-data seems to hold a long random text",
    ),
    Case(
        "multi-machine-user-data-without-secrets",
        [resource(INSTANCE, {"userData": f"#cloud-config\nwrite_files:\n- content: {packed('CONFIG x STRING y')}\n"})],
    ),
    Case("multi-machine-user-data-without-secrets", [resource(INSTANCE, {"userData": USER_DATA})]),
    Case("multi-machine-identity-dedicated", [resource(INSTANCE, {})], "it has no instance profile"),
    Case("multi-machine-identity-dedicated", [resource(GCE, {})], "default service account of the project, or none"),
    Case(
        "multi-machine-identity-dedicated",
        [resource(GCE, {"serviceAccount": {"email": "1-compute@developer.gserviceaccount.com"}})],
        "it has a default service account of the project",
    ),
    Case(
        "multi-machine-identity-dedicated",
        [
            resource(INSTANCE, {"iamInstanceProfile": UNKNOWN_STRING_VALUE}),
            resource(GCE, {"serviceAccount": {"email": "shield@x.iam.gserviceaccount.com"}}),
        ],
    ),
    Case(
        "multi-machine-forwarding-and-login-keys-off",
        [resource(INSTANCE, {"sourceDestCheck": False})],
        "can forward packets",
    ),
    Case("multi-machine-forwarding-and-login-keys-off", [resource(GCE, {"canIpForward": True})], "can forward packets"),
    Case(
        "multi-machine-forwarding-and-login-keys-off", [resource(INSTANCE, {"keyName": "me"})], "an SSH key for logins"
    ),
    Case(
        "multi-machine-forwarding-and-login-keys-off",
        [resource(GCE, {"metadata": {"ssh-keys": "me:ssh-ed25519 x"}})],
        "an SSH key for logins",
    ),
    Case(
        "multi-machine-forwarding-and-login-keys-off",
        [resource(INSTANCE, {"sourceDestCheck": True}), resource(GCE, {"metadata": {}})],
    ),
    Case(
        "multi-machine-type-allowed",
        [resource(INSTANCE, {"instanceType": "i4i.32xlarge"})],
        "i4i.32xlarge is not among i4i.large",
        config={"types": ["i4i.large"]},
    ),
    Case(
        "multi-machine-type-allowed",
        [resource(GCE, {"machineType": "n2-standard-128"})],
        "n2-standard-128 is not among",
        config={"types": ["n2-standard-?"]},
    ),
    Case(
        "multi-machine-type-allowed",
        [resource(GCE, {"machineType": "n2-standard-8"})],
        config={"types": ["n2-standard-?"]},
    ),
    Case("multi-machine-type-allowed", [resource(INSTANCE, {"instanceType": "i4i.32xlarge"})]),
]
