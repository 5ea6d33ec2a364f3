"""Emulates the DNS validation and the export of public certificates in AWS Certificate Manager. moto 5.2 would issue
each certificate a minute after the request, without validation.

The sandbox's public certificate authority signs the certificates. A certificate is issued as soon as its CNAME record
is in public DNS. Only a certificate that was requested with the option `Export` can be exported (AWS Certificate
Manager User Guide, "DNS validation" and "AWS Certificate Manager exportable public certificates").
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, cast

from moto.acm.exceptions import AWSValidationException
from moto.acm.models import AWSCertificateManagerBackend, CertBundle
from moto.core.exceptions import JsonRESTError
from moto.route53.models import route53_backends

from emulation.pki import Authority


def patch_certificates(authority: Callable[[], Authority]) -> None:
    """Makes moto validate certificates of AWS Certificate Manager by DNS, and sign certificates with `authority`."""

    def generate(
        bundle: type[CertBundle],
        domain_name: str,
        account_id: str,
        region: str,
        sans: list[str] | None = None,
        cert_authority_arn: str | None = None,
    ) -> CertBundle:
        if cert_authority_arn is not None:
            raise AWSValidationException("not emulated: certificates of AWS Private CA")
        if len(domain_name) > _LONGEST_NAME:
            raise AWSValidationException(f"The first domain name can be no longer than {_LONGEST_NAME} characters.")
        issued = authority().issue(dict.fromkeys([domain_name, *(sans or [])]))
        leaf, chain = issued.chain.split(_END)[:2]
        return cast(Any, bundle)(
            account_id,
            leaf + _END,
            issued.key,
            chain=chain.lstrip() + _END,
            region=region,
            cert_type="AMAZON_ISSUED",
            cert_status="PENDING_VALIDATION",
        )

    cast(Any, CertBundle).generate_cert = classmethod(generate)
    cast(Any, CertBundle).check = _check
    cast(Any, CertBundle).describe = _describe
    cast(Any, AWSCertificateManagerBackend).export_certificate = _export


# The maximum length of a certificate's first domain name (ACM API Reference, "RequestCertificate", `DomainName`).
_LONGEST_NAME = 64
_END = b"-----END CERTIFICATE-----\n"
_DESCRIBE: Any = CertBundle.describe
_EXPORT: Any = AWSCertificateManagerBackend.export_certificate


class _NotIssued(JsonRESTError):
    def __init__(self, arn: str, status: str) -> None:
        super().__init__("RequestInProgressException", f"Certificate {arn} is in status {status}.")


def _check(bundle: CertBundle) -> None:
    """Replaces `CertBundle.check`: issues the certificate when public zones of the emulated Route 53 contain the
    validation records of all names in the certificate.
    """
    if bundle.status == "PENDING_VALIDATION" and all(_in_public_dns(bundle, name) for name in bundle.sans):
        bundle.status = "ISSUED"


def _describe(bundle: CertBundle) -> dict[str, Any]:
    """Replaces `CertBundle.describe`: adds the validation records of all names in the certificate.

    A wildcard such as `*.example.com` has the same validation record as `example.com`.
    """
    described = _DESCRIBE(bundle)
    described["Certificate"]["DomainName"] = bundle.sans[0]
    described["Certificate"]["DomainValidationOptions"] = [
        {
            "DomainName": name,
            "ValidationDomain": name,
            "ValidationStatus": "SUCCESS" if bundle.status == "ISSUED" else "PENDING_VALIDATION",
            "ValidationMethod": "DNS",
            "ResourceRecord": {"Name": record, "Type": "CNAME", "Value": value},
        }
        for name in bundle.sans
        for record, value in [_validation_record(bundle, name)]
    ]
    return described


def _export(backend: AWSCertificateManagerBackend, certificate_arn: str, passphrase: str) -> tuple[str, str, str]:
    """Replaces `AWSCertificateManagerBackend.export_certificate`: refuses to export a certificate that is not
    issued.
    """
    bundle = backend.get_certificate(certificate_arn)
    if bundle.status != "ISSUED":
        raise _NotIssued(certificate_arn, bundle.status)
    return _EXPORT(backend, certificate_arn, passphrase)


def _validation_record(bundle: CertBundle, name: str) -> tuple[str, str]:
    """Returns the name and the value of the CNAME record that validates a DNS name. With this record, the owner of the
    name proves to AWS Certificate Manager that they control it. The record depends only on the AWS account and the DNS
    name.
    """
    domain = name.removeprefix("*.")
    digest = hashlib.sha256(f"{bundle.arn.split(':')[4]}/{domain}".encode()).hexdigest()
    return f"_{digest[:32]}.{domain}.", f"_{digest[32:]}.acm-validations.aws."


def _in_public_dns(bundle: CertBundle, name: str) -> bool:
    record, value = _validation_record(bundle, name)
    zones: Any = route53_backends[bundle.arn.split(":")[4]]["aws"].zones
    return any(
        (found.name, found.type) == (record, "CNAME") and value in [f"{each.rstrip('.')}." for each in found.records]
        for zone in zones.values()
        if not zone.private_zone
        for found in zone.rrsets
    )
