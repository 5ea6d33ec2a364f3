"""Test cases for the policies on the certificate that machines of the shields (regional caches) present to the edge."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource

from policies.rules.certificates import CERTIFICATE, PARAMETER, VALIDATION
from policies.rules.edge import SCRIPT
from tests.policies.cases.parts import Case
from tests.policies.resources import resource

WORKER = resource(SCRIPT, {}, "edge")

BUCKETS = [resource("aws:s3/bucket:Bucket", {"region": region}, region) for region in ("us-east-1", "eu-west-1")]


def certificate(**props: Any) -> PolicyResource:
    """Returns an AWS certificate resource for the machines of the shields (regional caches). `props` overrides default
    properties.
    """
    good = {"domainName": "*.shield.x.io", "validationMethod": "DNS", "options": {"export": "ENABLED"}, "arn": "arn:c"}
    return resource(CERTIFICATE, {**good, **props}, "shield")


def pop_certificate(name: str) -> PolicyResource:
    return resource(CERTIFICATE, {"domainName": name}, "pops", within="artifact-edge:pop:PopCertificate")


def parameter(**props: Any) -> PolicyResource:
    """Returns an SSM parameter resource that holds the ARN of a certificate. `props` replaces properties of this
    resource.
    """
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    return resource(PARAMETER, {"type": "String", "value": arn, **props}, "shield")


CASES = [
    Case("aws-acm-certificate-for-shields-only", [certificate(domainName="packages.x.io")], "it is for packages.x.io"),
    Case("aws-acm-certificate-for-shields-only", [certificate(domainName="*.x.io")], "it is for *.x.io"),
    Case(
        "aws-acm-certificate-for-shields-only",
        [certificate(subjectAlternativeNames=["*.shield.x.io", "packages.x.io"])],
        "it is for packages.x.io",
    ),
    Case("aws-acm-certificate-for-shields-only", [certificate()]),
    Case("aws-acm-certificate-for-shields-only", [pop_certificate("packages.x.io")]),
    Case("aws-acm-certificate-for-shields-only", [pop_certificate("*.shield.x.io")], "it is for *.shield.x.io"),
    Case("aws-acm-certificate-for-shields-only", [pop_certificate("*.x.io")], "it is for *.x.io"),
    Case("cloudflare-workers-shields-publicly-trusted", [WORKER, pop_certificate("a")], "no public certificate"),
    Case(
        "cloudflare-workers-shields-publicly-trusted",
        [WORKER, *BUCKETS, certificate(region="us-east-1"), resource(VALIDATION, {"certificateArn": "arn:c"})],
        "only us-east-1 has a certificate of the shields",
    ),
    Case(
        "cloudflare-workers-shields-publicly-trusted",
        [
            WORKER,
            *BUCKETS,
            certificate(region="us-east-1"),
            certificate(region="eu-west-1"),
            resource(VALIDATION, {"certificateArn": "arn:c"}),
        ],
    ),
    Case("aws-acm-certificate-renewable", [certificate(validationMethod="EMAIL")], "validationMethod is EMAIL"),
    Case("aws-acm-certificate-renewable", [certificate(options={})], "options.export is not set"),
    Case("aws-acm-certificate-renewable", [certificate()]),
    Case("cloudflare-workers-shields-publicly-trusted", [WORKER], "shields have no public certificate"),
    Case(
        "cloudflare-workers-shields-publicly-trusted",
        [WORKER, certificate(), resource(VALIDATION, {"certificateArn": "arn:another"})],
        "nothing waits for the validation of *.shield.x.io",
    ),
    Case(
        "cloudflare-workers-shields-publicly-trusted",
        [WORKER, certificate(), resource(VALIDATION, {"certificateArn": "arn:c"})],
    ),
    Case("aws-ssm-parameter-no-secret", [parameter(value="hunter2")], "value is not the ARN of a certificate"),
    Case("aws-ssm-parameter-no-secret", [parameter(type="SecureString")], "type is SecureString"),
    Case(
        "aws-ssm-parameter-no-secret",
        [parameter(value=None, insecureValue="hunter2")],
        "insecureValue is not the ARN of a certificate",
    ),
    Case("aws-ssm-parameter-no-secret", [parameter()]),
]
