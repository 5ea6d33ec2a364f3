"""Issues the certificates that machines export, in an emulated AWS account. moto emulates the account in the test's
process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emulation.aws.certificates import patch_certificates
from emulation.pki import Authority
from emulation.providers.aws.clients import client


def issue_certificates(directory: Path, name: str, parameter: str, regions: Sequence[str]) -> Mapping[str, str]:
    """Issues a certificate for the DNS name `name` in each region. Stores each certificate's ARN in the SSM parameter
    `parameter` of its region.

    Returns a map from each region to its certificate in PEM format. The authority that signs the certificates writes
    its files to `directory`.
    """
    patch_certificates(lambda: Authority(directory))
    route53: Any = client("route53")
    zone = route53.create_hosted_zone(Name=name.removeprefix("*."), CallerReference=name)["HostedZone"]["Id"]
    issued: dict[str, str] = {}
    for region in regions:
        acm: Any = client("acm", {"region": region})
        arn = acm.request_certificate(DomainName=name, ValidationMethod="DNS", Options={"Export": "ENABLED"})[
            "CertificateArn"
        ]
        (option,) = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
        record = option["ResourceRecord"]
        written = {"TTL": 60, "ResourceRecords": [{"Value": record["Value"]}]}
        change = {
            "Action": "UPSERT",
            "ResourceRecordSet": {"Name": record["Name"], "Type": record["Type"], **written},
        }
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
        client("ssm", {"region": region}).put_parameter(Name=parameter, Value=arn, Type="String")
        issued[region] = acm.get_certificate(CertificateArn=arn)["Certificate"]
    return issued
