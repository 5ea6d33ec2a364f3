"""Emulates how Pulumi's AWS provider manages certificates of AWS Certificate Manager, and the resource that waits until
a certificate is validated.
"""

from __future__ import annotations

import time

import pulumi_aws as aws

from emulation.providers.aws.clients import tag_list, tags_of
from emulation.providers.aws.described import Api, Described
from emulation.providers.handler import CloudError, Handler, Properties

_SETTABLE = {"domainName", "keyAlgorithm", "options", "region", "tags", "validationMethod"}
# The number of seconds for which the emulated provider waits until a certificate is validated. Pulumi's real AWS
# provider waits for 75 minutes. A shorter time is enough here, because DNS records in the sandbox are visible
# immediately.
_TIMEOUT_SECONDS = 60.0


def handlers() -> list[Handler]:
    """Returns the handlers of ACM certificates, and of the resource that waits until a certificate is validated."""
    return [
        Described(
            aws.acm.Certificate,
            "acm",
            make=_request,
            describe=_describe,
            remove=lambda acm, id, state: acm.delete_certificate(CertificateArn=id),
            replace_on=frozenset(_SETTABLE - {"tags"}),
        ),
        Described(
            aws.acm.CertificateValidation,
            "acm",
            make=_wait,
            describe=_describe_validation,
            # There is nothing to delete in AWS. The resource exists only in Pulumi, where it waits for the validation
            # of a certificate.
            remove=lambda acm, id, state: None,
            replace_on=frozenset({"certificateArn", "region", "validationRecordFqdns"}),
        ),
    ]


def _request(acm: Api, inputs: Properties) -> str:
    if unknown := inputs.keys() - _SETTABLE:
        raise CloudError(f"certificates with {', '.join(sorted(unknown))} are not emulated")
    if inputs.get("validationMethod") != "DNS":
        raise CloudError("only certificates with the validation method DNS are emulated")
    arn: str = acm.request_certificate(
        DomainName=inputs["domainName"],
        ValidationMethod="DNS",
        KeyAlgorithm=inputs.get("keyAlgorithm", "RSA_2048"),
        Options={"Export": inputs.get("options", {}).get("export", "DISABLED")},
        Tags=tag_list(inputs.get("tags")),
    )["CertificateArn"]
    return arn


def _describe(acm: Api, id: str, state: Properties) -> Properties | None:
    found = acm.describe_certificate(CertificateArn=id)["Certificate"]
    return {
        "arn": id,
        "status": found["Status"],
        "type": found["Type"],
        "region": acm.meta.region_name,
        "domainValidationOptions": [
            {
                "domainName": option["DomainName"],
                "resourceRecordName": option["ResourceRecord"]["Name"],
                "resourceRecordType": option["ResourceRecord"]["Type"],
                "resourceRecordValue": option["ResourceRecord"]["Value"],
            }
            for option in found["DomainValidationOptions"]
        ],
        **tags_of(acm.list_tags_for_certificate(CertificateArn=id), state),
    }


def _wait(acm: Api, inputs: Properties) -> str:
    arn: str = inputs["certificateArn"]
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while (status := acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"]) == "PENDING_VALIDATION":
        if time.monotonic() > deadline:
            raise CloudError(f"the certificate {arn} is not validated: its CNAME record is not in public DNS")
        time.sleep(0.5)
    if status != "ISSUED":
        raise CloudError(f"the certificate {arn} is {status}")
    return arn


def _describe_validation(acm: Api, id: str, state: Properties) -> Properties | None:
    status = acm.describe_certificate(CertificateArn=id)["Certificate"]["Status"]
    return {"certificateArn": id, "region": acm.meta.region_name} if status == "ISSUED" else None
