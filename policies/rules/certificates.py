"""Policies for the public certificate that shield machines (regional caches) present to the edge, and for the SSM
parameter that contains the certificate's ARN.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import our_design, well_architected
from policies.framework.declare import each_resource, known, part, texts, whole_stack
from policies.framework.kinds import all_of
from policies.framework.relations import of_tier, refers_to
from policies.rules.edge import SCRIPT

_BUCKET = "aws:s3/bucket:Bucket"
CERTIFICATE = "aws:acm/certificate:Certificate"
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
PARAMETER = "aws:ssm/parameter:Parameter"
_SHIELDS = "*.shield."
_CLIENTS = "packages."
_ARN = re.compile(r"arn:aws[\w-]*:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+")


@each_resource(
    "aws-acm-certificate-for-shields-only",
    "Machines can export a certificate for the names of shields only, and own PoPs one for the hostname of clients. "
    "With another, a shield could pose as that hostname.",
    of={CERTIFICATE},
    severity=Severity.CRITICAL,
    control=our_design("mutual TLS between edge and shield"),
    fix="Request it for *.shield.<domain> alone, or in a component of own PoPs for packages.<domain> alone",
)
def certificate_for_shields_only(args: ResourceValidationArgs) -> Iterator[str]:
    for name in [str(args.props.get("domainName")), *texts(args.props.get("subjectAlternativeNames"))]:
        if not name.startswith(_CLIENTS if of_tier(args, "pop") else _SHIELDS):
            yield f"it is for {name}"


@each_resource(
    "aws-acm-certificate-renewable",
    "Certificate Manager can renew the certificate alone, and machines can export it.",
    of={CERTIFICATE},
    severity=Severity.HIGH,
    control=our_design("mutual TLS between edge and shield"),
    fix='Request it with validation_method "DNS" and options.export "ENABLED"',
)
def certificate_renewable(args: ResourceValidationArgs) -> Iterator[str]:
    if (method := args.props.get("validationMethod")) != "DNS":
        yield f"validationMethod is {method or 'not set'}"
    if (export := part(args.props, "options").get("export")) != "ENABLED":
        yield f"options.export is {export or 'not set'}"


@whole_stack(
    "cloudflare-workers-shields-publicly-trusted",
    "Shields have a validated certificate from a public authority, as a worker trusts no other. If several regions "
    "hold objects, two regions have a certificate, so that machines boot while one of them fails.",
    of={SCRIPT},
    severity=Severity.CRITICAL,
    control=our_design("mutual TLS between edge and shield"),
    fix="Give the stack an aws.acm.Certificate for *.shield.<domain> in two regions, and its "
    "aws.acm.CertificateValidation for each",
)
def shields_publicly_trusted(_: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    certificates = [each for each in all_of(stack, {CERTIFICATE}) if not of_tier(each, "pop")]
    validations = list(all_of(stack, {VALIDATION}))
    if not certificates:
        yield "shields have no public certificate"
    found = {str(each.props.get("region")) for each in certificates}
    if len(found) == 1 and len({str(each.props.get("region")) for each in all_of(stack, {_BUCKET})}) > 1:
        yield f"only {found.pop()} has a certificate of the shields"
    for certificate in certificates:
        if not any(refers_to(each, "certificateArn", certificate, ("arn", "id")) for each in validations):
            yield f"nothing waits for the validation of {certificate.props.get('domainName')}"


@each_resource(
    "aws-ssm-parameter-no-secret",
    "Parameters contain the ARN of a certificate, and no secrets. More roles read parameters than read secrets.",
    of={PARAMETER},
    severity=Severity.CRITICAL,
    control=well_architected("SEC02-BP03"),
    fix="Store a secret in aws.secretsmanager.Secret",
)
def parameter_no_secret(args: ResourceValidationArgs) -> Iterator[str]:
    if (given := args.props.get("type")) != "String":
        yield f"type is {given or 'not set'}"
    for name in ("value", "insecureValue"):
        value = known(args.props, name)
        if value is not None and not _ARN.fullmatch(str(value)):
            yield f"{name} is not the ARN of a certificate"


POLICIES: list[Policy] = [
    certificate_for_shields_only,
    certificate_renewable,
    shields_publicly_trusted,
    parameter_no_secret,
]
