"""The published security controls that policies implement, each with a link to its text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Control:
    """One security control of a compliance framework. `url` is the web address of the control's text, or the path of
    the text in this repository.
    """

    framework: str
    reference: str
    url: str
    version: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.framework, self.version, self.reference) if part)


def cis_aws(reference: str) -> Control:
    """Returns a control of the CIS AWS benchmark. Only registered users of CIS can read the benchmark. The control's
    link therefore leads to a page of AWS, which lists the benchmark's controls that Security Hub checks.
    """
    url = "https://docs.aws.amazon.com/securityhub/latest/userguide/cis-aws-foundations-benchmark.html"
    return Control("CIS AWS Foundations Benchmark", reference, url, "3.0.0")


def cis_gcp(reference: str) -> Control:
    url = "https://www.cisecurity.org/benchmark/google_cloud_computing_platform"
    return Control("CIS Google Cloud Platform Foundation Benchmark", reference, url, "3.0.0")


def foundational(reference: str) -> Control:
    """Returns a control of AWS Security Hub by its id, such as `S3.2`."""
    service, number = reference.lower().split(".")
    url = f"https://docs.aws.amazon.com/securityhub/latest/userguide/{service}-controls.html#{service}-{number}"
    return Control("AWS Foundational Security Best Practices", reference, url)


def well_architected(reference: str) -> Control:
    """Returns a best practice of the AWS Well-Architected Framework by its id, such as `SEC08-BP02`. The result's `url`
    is the framework's page about the question to which the best practice belongs, such as SEC08.
    """
    question = reference.split("-")[0]
    page = f"{question[:-2].lower()}-{question[-2:]}"
    url = f"https://docs.aws.amazon.com/wellarchitected/latest/framework/{page}.html"
    return Control("AWS Well-Architected", reference, url)


def nist(reference: str) -> Control:
    """Returns a control of NIST SP 800-53 by its id, such as `AU-11`."""
    return Control("NIST SP 800-53", reference, "https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final", "Rev. 5")


def our_design(reference: str) -> Control:
    return Control("artifact-edge design", reference, "docs/architecture.md")
