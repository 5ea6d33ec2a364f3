"""Probes how IAM treats permissions boundaries, and how AWS Certificate Manager treats pending certificates."""

from __future__ import annotations

from collections.abc import Iterator

from probes.aws import AwsAccount, document, refusal
from probes.fact import Fact, Probe

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
    arn = acm.request_certificate(
        DomainName=f"*.probe.{account.domain}", ValidationMethod="DNS", Options={"Export": "ENABLED"}
    )["CertificateArn"]
    account.later(acm.delete_certificate, CertificateArn=arn)
    status = acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"]
    yield Fact("A certificate is pending until its CNAME record is in DNS", status == "PENDING_VALIDATION", status)
    code = refusal(acm.export_certificate, CertificateArn=arn, Passphrase=b"a passphrase of this probe")
    yield Fact("ACM does not export a pending certificate", code == "RequestInProgressException", code)


PROBES = (
    Probe("iam-permissions-boundaries", 'IAM API Reference, "CreateRole"', _boundaries),
    Probe("acm-pending-certificates", 'AWS Certificate Manager User Guide, "DNS validation"', _certificates),
)
