"""Harmful changes to the certificate of a stack's shield machines (regional caches). Tests make each change, and a
policy must report it.
"""

from __future__ import annotations

from policies.rules.certificates import CERTIFICATE, PARAMETER, VALIDATION
from policies.rules.edge import SCRIPT
from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import add_resource, put, remove

MUTATIONS = [
    Mutation(
        "aws-acm-certificate-for-shields-only",
        [CERTIFICATE],
        "the shields' certificate is for the clients' hostname",
        put("domainName", "packages.x.io"),
    ),
    Mutation(
        "aws-acm-certificate-renewable",
        [CERTIFICATE],
        "the certificate is validated by e-mail",
        put("validationMethod", "EMAIL"),
    ),
    Mutation(
        "aws-acm-certificate-renewable",
        [CERTIFICATE],
        "the certificate cannot be exported",
        put("options.export", "DISABLED"),
    ),
    Mutation(
        "cloudflare-workers-shields-publicly-trusted",
        [SCRIPT],
        "a second certificate for shields is not validated",
        add_resource(CERTIFICATE, domainName="*.shield.x.io"),
    ),
    Mutation(
        "cloudflare-workers-shields-publicly-trusted", [CERTIFICATE], "the shields have no public certificate", remove
    ),
    Mutation(
        "cloudflare-workers-shields-publicly-trusted", [VALIDATION], "the shields' certificate is not validated", remove
    ),
    Mutation(
        "aws-ssm-parameter-no-secret", [PARAMETER], "an SSM parameter contains a password", put("value", "hunter2")
    ),
    Mutation(
        "aws-ssm-parameter-no-secret",
        [PARAMETER],
        "an SSM parameter has the type SecureString",
        put("type", "SecureString"),
    ),
]
