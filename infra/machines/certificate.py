"""A public certificate that machines export, issued and renewed by AWS Certificate Manager.

Each machine exports the certificate with the permissions of its IAM role. The machine reads the certificate's ARN from
a parameter and not from its user data, for two reasons. The ARN is not known before the first deployment, and a new
certificate must not replace the machines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import iam

_TTL_SECONDS = 60


@dataclass(frozen=True)
class MachineCertificateArgs:
    """Arguments of the component that creates a certificate for machines.

    `zone_id` is the ID of the public Route 53 zone that contains `domain_name`. `parameter` is the name of the
    Parameter Store parameter that will hold the certificate's ARN, and `description` the parameter's description. The
    certificate and the parameter are in `region`. `role` is the name of the machines' IAM role.
    """

    zone_id: pulumi.Input[str]
    domain_name: str
    region: str
    parameter: str
    description: str
    role: pulumi.Input[str]


class MachineCertificate(pulumi.ComponentResource):
    """A TLS certificate for machines, with its validation record in Route 53 and the Parameter Store parameter that
    holds the certificate's ARN. The component also lets the machines' role export the certificate.
    """

    arn: pulumi.Output[str]
    policy: pulumi.Output[str]

    def __init__(
        self, token: str, name: str, args: MachineCertificateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(token, name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        certificate = aws.acm.Certificate(
            name,
            region=args.region,
            domain_name=args.domain_name,
            key_algorithm="EC_prime256v1",
            validation_method="DNS",
            # A certificate can be exported only if it was requested with the option `export`, which cannot be changed
            # later (AWS Certificate Manager API Reference, "CertificateOptions").
            options={"export": "ENABLED"},
            opts=child,
        )
        # ACM renews the certificate automatically as long as this DNS record exists.
        validation = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{name}-validation",
            zone_id=args.zone_id,
            name=validation.apply(lambda option: option.resource_record_name or ""),
            type="CNAME",
            ttl=_TTL_SECONDS,
            records=[validation.apply(lambda option: option.resource_record_value or "")],
            opts=child,
        )
        parameter = aws.ssm.Parameter(
            name,
            region=args.region,
            name=args.parameter,
            description=args.description,
            type="String",
            value=certificate.arn,
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            name,
            name="export-certificate",
            role=args.role,
            policy=pulumi.Output.all(parameter.arn, certificate.arn).apply(_permissions),
            opts=child,
        )
        aws.acm.CertificateValidation(
            name,
            region=args.region,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=child,
        )
        self.arn = certificate.arn
        self.policy = policy.name
        self.register_outputs({"arn": self.arn})


def _permissions(arns: Sequence[str]) -> str:
    parameter, certificate = arns
    return iam.document(iam.allow("ssm:GetParameter", parameter), iam.allow("acm:ExportCertificate", certificate))
