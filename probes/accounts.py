"""Probes how IAM treats permissions boundaries, and how AWS Certificate Manager treats pending certificates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from probes.aws import AwsAccount, document, refusal
from probes.fact import Fact, Probe
from probes.waiting import until

# An AWS region. Probes (checks on real clouds) call AWS in another region by default.
_ELSEWHERE = "us-west-2"
_RECORD_SECONDS = 60.0
_TRUST = document([{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}])


def _boundaries(account: AwsAccount) -> Iterator[Fact]:
    iam, name = account.client("iam"), account.name("role")
    missing = f"arn:aws:iam::{account.number}:policy/{account.name('missing')}"
    code = refusal(iam.create_role, RoleName=name, AssumeRolePolicyDocument=_TRUST, PermissionsBoundary=missing)
    if code == "accepted":
        account.later(iam.delete_role, RoleName=name)
    yield Fact("IAM refuses a role whose permissions boundary does not exist", code == "NoSuchEntity", code)


def _certificates(account: AwsAccount) -> Iterator[Fact]:
    acm = account.client("acm")
    arn, found = _requested(account, acm)
    status = found["Status"]
    yield Fact("A certificate is pending until its CNAME record is in DNS", status == "PENDING_VALIDATION", status)
    code = refusal(acm.export_certificate, CertificateArn=arn, Passphrase=b"a passphrase of this probe")
    yield Fact("ACM does not export a pending certificate", code == "RequestInProgressException", code)
    _, elsewhere = _requested(account, account.client("acm", region=_ELSEWHERE))
    records = [each["DomainValidationOptions"][0].get("ResourceRecord") for each in (found, elsewhere)]
    same = records[0] == records[1]
    yield Fact("A name has the same validation record in all regions", same, "the same" if same else "another record")


def _requested(account: AwsAccount, acm: Any) -> tuple[str, Mapping[str, Any]]:
    """Requests a certificate that can be exported, and returns its ARN and its description. The description contains
    the validation record, which ACM makes a few seconds after the request (AWS Certificate Manager API Reference,
    "RequestCertificate").
    """
    arn = acm.request_certificate(
        DomainName=f"*.probe.{account.domain}", ValidationMethod="DNS", Options={"Export": "ENABLED"}
    )["CertificateArn"]
    account.later(acm.delete_certificate, CertificateArn=arn)

    def described() -> Mapping[str, Any]:
        return acm.describe_certificate(CertificateArn=arn)["Certificate"]

    def has_record() -> bool:
        return "ResourceRecord" in described().get("DomainValidationOptions", [{}])[0]

    until(has_record, "the certificate has no validation record", _RECORD_SECONDS)
    return arn, described()


PROBES = (
    Probe("iam-permissions-boundaries", 'IAM API Reference, "CreateRole"', _boundaries),
    Probe("acm-pending-certificates", 'AWS Certificate Manager User Guide, "DNS validation"', _certificates),
)
