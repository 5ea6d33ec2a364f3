"""Public certificates that machines export. AWS Certificate Manager issues and renews these certificates.

The IAM role of a machine permits the export. The machine reads the certificate's ARN from a parameter and not from its
user data, for two reasons. The ARN is not known before the first deployment, and a new certificate must not replace the
machines.

AWS copies no certificate between regions (AWS Certificate Manager User Guide, "Supported Regions"). Several regions
therefore have a certificate for the same name. A new machine can get a certificate even while one of the regions is
down.
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
    """Arguments of the component that creates certificates for machines.

    `zone_id` is the ID of the public Route 53 zone that contains `domain_name`. Each of `regions` gets a certificate,
    and an entry in Parameter Store that holds the certificate's ARN. The entry has the same name (`parameter`) and the
    same description (`description`) in all regions. The first region is the home region. `role` is the name of the
    machines' IAM role.
    """

    zone_id: pulumi.Input[str]
    domain_name: str
    regions: Sequence[str]
    parameter: str
    description: str
    role: pulumi.Input[str]


class MachineCertificate(pulumi.ComponentResource):
    """TLS certificates for machines, with their validation record in Route 53 and the Parameter Store parameters that
    hold the certificates' ARNs. The component also lets the machines' role export the certificates.
    """

    policy: pulumi.Output[str]

    def __init__(
        self, token: str, name: str, args: MachineCertificateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(token, name, None, opts)
        self._args, self._child = args, pulumi.ResourceOptions(parent=self)
        # The names of the Pulumi resources end with the region, except in the home region. Older stacks have a
        # certificate only in the home region, and its resources must keep their names.
        names = {region: name if region == args.regions[0] else f"{name}-{region}" for region in args.regions}
        certificates = {region: self._certificate(names[region], region) for region in args.regions}
        record = self._validation_record(name, certificates[args.regions[0]])
        parameters: list[pulumi.Output[str]] = []
        for region, certificate in certificates.items():
            parameter = aws.ssm.Parameter(
                names[region],
                region=region,
                name=args.parameter,
                description=args.description,
                type="String",
                value=certificate.arn,
                opts=self._child,
            )
            parameters.append(parameter.arn)
            aws.acm.CertificateValidation(
                names[region],
                region=region,
                certificate_arn=certificate.arn,
                validation_record_fqdns=[record.fqdn],
                opts=self._child,
            )
        arns = pulumi.Output.all(
            pulumi.Output.all(*parameters), pulumi.Output.all(*(each.arn for each in certificates.values()))
        )
        policy = aws.iam.RolePolicy(
            name, name="export-certificate", role=args.role, policy=arns.apply(_permissions), opts=self._child
        )
        self.policy = policy.name
        self.register_outputs({"policy": self.policy})

    def _certificate(self, name: str, region: str) -> aws.acm.Certificate:
        return aws.acm.Certificate(
            name,
            region=region,
            domain_name=self._args.domain_name,
            key_algorithm="EC_prime256v1",
            validation_method="DNS",
            # A certificate can be exported only if it was requested with the option `export`, which cannot be changed
            # later (AWS Certificate Manager API Reference, "CertificateOptions").
            options={"export": "ENABLED"},
            opts=self._child,
        )

    def _validation_record(self, name: str, certificate: aws.acm.Certificate) -> aws.route53.Record:
        """Creates the DNS record that validates the certificates of all regions. One record is enough, because the
        record depends only on the account and on the domain name (hashicorp/terraform-provider-aws, issue 13653). ACM
        renews the certificates automatically as long as the record exists.
        """
        validation = certificate.domain_validation_options[0]
        return aws.route53.Record(
            f"{name}-validation",
            zone_id=self._args.zone_id,
            name=validation.apply(lambda option: option.resource_record_name or ""),
            type="CNAME",
            ttl=_TTL_SECONDS,
            records=[validation.apply(lambda option: option.resource_record_value or "")],
            opts=self._child,
        )


def _permissions(arns: Sequence[Sequence[str]]) -> str:
    parameters, certificates = arns
    return iam.document(
        iam.allow("ssm:GetParameter", [*parameters]), iam.allow("acm:ExportCertificate", [*certificates])
    )
