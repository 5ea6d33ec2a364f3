"""Tests the validation and the export of public certificates on the emulated AWS Certificate Manager, with boto3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509

from emulation.aws.certificates import patch_certificates
from emulation.pki import Authority
from emulation.providers.aws.clients import client
from tests.support.harness import aws_account

NAME = "*.shield.example.com"
PASSPHRASE = b"0123456789abcdef"


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    with aws_account():
        patch_certificates(lambda: Authority(tmp_path))
        yield Authority(tmp_path)


def request(**options: str) -> str:
    """Requests a certificate from the emulated AWS Certificate Manager, and returns the certificate's ARN. `options`
    are the options of the certificate.
    """
    acm: Any = client("acm")
    return acm.request_certificate(DomainName=NAME, ValidationMethod="DNS", Options=options)["CertificateArn"]


def described(arn: str) -> dict[str, Any]:
    acm: Any = client("acm")
    return acm.describe_certificate(CertificateArn=arn)["Certificate"]


def export(arn: str) -> dict[str, str]:
    acm: Any = client("acm")
    return acm.export_certificate(CertificateArn=arn, Passphrase=PASSPHRASE)


def write_validation_record(arn: str, *, value: str | None = None, **zone: Any) -> None:
    """Writes the certificate's validation record to a new Route 53 zone. `value` is the value of the record. The
    default is the value that Certificate Manager expects.
    """
    route53: Any = client("route53")
    (option,) = described(arn)["DomainValidationOptions"]
    record = option["ResourceRecord"]
    created = route53.create_hosted_zone(Name="example.com", CallerReference=str(zone), **zone)["HostedZone"]["Id"]
    change = {
        "Action": "CREATE",
        "ResourceRecordSet": {
            "Name": record["Name"],
            "Type": record["Type"],
            "TTL": 60,
            "ResourceRecords": [{"Value": value or record["Value"]}],
        },
    }
    route53.change_resource_record_sets(HostedZoneId=created, ChangeBatch={"Changes": [change]})


@pytest.mark.usefixtures("authority")
def test_a_name_has_the_same_validation_record_in_all_regions_and_no_region_has_the_certificate_of_another() -> None:
    home, acm = request(Export="ENABLED"), client("acm", {"region": "eu-west-1"})
    found: list[dict[str, Any]] = [described(home)]
    away = acm.request_certificate(DomainName=NAME, ValidationMethod="DNS")["CertificateArn"]
    found.append(acm.describe_certificate(CertificateArn=away)["Certificate"])
    records = [each["DomainValidationOptions"][0]["ResourceRecord"] for each in found]
    assert records[0] == records[1]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        acm.describe_certificate(CertificateArn=home)


@pytest.mark.usefixtures("authority")
def test_a_certificate_is_pending_until_its_record_is_in_public_dns() -> None:
    arn = request(Export="ENABLED")
    assert described(arn)["Status"] == "PENDING_VALIDATION"
    private: dict[str, Any] = {
        "VPC": {"VPCRegion": "us-east-1", "VPCId": "vpc-1"},
        "HostedZoneConfig": {"PrivateZone": True},
    }
    write_validation_record(arn, **private)
    assert described(arn)["Status"] == "PENDING_VALIDATION"
    write_validation_record(arn, value="another.acm-validations.aws.")
    assert described(arn)["Status"] == "PENDING_VALIDATION"


@pytest.mark.usefixtures("authority")
def test_a_name_that_is_too_long_for_a_common_name_is_refused() -> None:
    acm: Any = client("acm")
    acm.request_certificate(DomainName=f"{'a' * 56}.example", ValidationMethod="DNS")
    with pytest.raises(ClientError, match="no longer than 64"):
        acm.request_certificate(DomainName=f"{'a' * 57}.example", ValidationMethod="DNS")


@pytest.mark.usefixtures("authority")
def test_a_pending_certificate_cannot_be_exported() -> None:
    with pytest.raises(ClientError, match=r"RequestInProgressException.*PENDING_VALIDATION"):
        export(request(Export="ENABLED"))


def test_an_issued_certificate_is_exported_with_the_name_and_the_chain(authority: Authority) -> None:
    arn = request(Export="ENABLED")
    write_validation_record(arn)
    assert described(arn)["Status"] == "ISSUED"
    exported = export(arn)
    leaf = x509.load_pem_x509_certificate(exported["Certificate"].encode())
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate_file.read_bytes()))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    assert exported["CertificateChain"].encode().startswith(authority.certificate_file.read_bytes())
    assert exported["PrivateKey"].startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")


@pytest.mark.usefixtures("authority")
def test_a_certificate_requested_without_the_option_cannot_be_exported() -> None:
    arn = request(Export="DISABLED")
    write_validation_record(arn)
    assert described(arn)["Status"] == "ISSUED"
    with pytest.raises(ClientError, match="ValidationException"):
        export(arn)
