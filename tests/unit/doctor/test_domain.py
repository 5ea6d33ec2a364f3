"""Tests how the doctor command checks the domain that clients connect to, before a deployment. The tests define the
domain's DNS records.
"""

from __future__ import annotations

import dns.exception
import pytest

from doctor import domain
from doctor.finding import Finding

ISSUE_AMAZON, ISSUE_GOOGLE, ISSUE_OTHER = ('0 issue "amazon.com"', '0 issue "pki.goog"', '0 issue "digicert.com"')
REGISTERED = {("example.com", "SOA"): ["ns.example.com. admin.example.com. 1 2 3 4 5"]}


def check(name: str, records: dict[tuple[str, str], list[str]]) -> list[Finding]:
    return list(domain.check(name, lambda asked, kind: records.get((asked, kind), [])))


def test_a_domain_below_a_registered_one_is_delegated_later() -> None:
    (found,) = check("dev.example.com", REGISTERED)
    assert found.line() == (
        "ok    domain dev.example.com: is not delegated yet; `pulumi up` prints the name servers to add to example.com"
    )


def test_a_domain_below_no_registered_one_is_a_problem() -> None:
    registry = {("com", "SOA"): ["a.gtld-servers.net. nstld.verisign-grs.com. 1 2 3 4 5"]}
    (found,) = check("dev.unregistered.com", registry)
    assert found.is_problem
    assert found.found == "no domain above it is registered"


def test_a_delegated_domain_names_its_servers() -> None:
    (found,) = check("dev.example.com", {("dev.example.com", "NS"): ["ns-2.awsdns-1.org.", "ns-1.awsdns-1.com."]})
    assert "ns-1.awsdns-1.com, ns-2.awsdns-1.org" in found.found


@pytest.mark.parametrize(
    ("records", "refused"),
    [
        ([ISSUE_AMAZON, ISSUE_GOOGLE], []),
        ([ISSUE_GOOGLE], ["AWS Certificate Manager may not issue certificates"]),
        ([ISSUE_AMAZON], ["Cloudflare may not issue certificates"]),
        (['0 iodef "mailto:security@example.com"'], []),
        (
            [ISSUE_OTHER],
            ["AWS Certificate Manager may not issue certificates", "Cloudflare may not issue certificates"],
        ),
    ],
)
def test_caa_records_decide_who_may_issue_certificates(records: list[str], refused: list[str]) -> None:
    found = check("dev.example.com", {**REGISTERED, ("example.com", "CAA"): records})
    assert [finding.found for finding in found if finding.is_problem] == refused


def test_records_for_wildcards_decide_about_the_certificate_of_shields() -> None:
    """The certificate of shields is for a wildcard. Where such records exist, other records do not count for it (RFC
    8659, section 4.3).
    """
    records = [ISSUE_AMAZON, ISSUE_GOOGLE, '0 issuewild ";"']
    found = check("dev.example.com", {**REGISTERED, ("example.com", "CAA"): records})
    assert [finding.line() for finding in found if finding.is_problem] == [
        "FAIL  CAA records of example.com: AWS Certificate Manager may not issue certificates; "
        'add a record to example.com: CAA 0 issuewild "amazon.com"'
    ]


def test_closer_caa_records_that_restrict_nobody_count_too() -> None:
    records = {
        ("dev.example.com", "CAA"): ['0 iodef "mailto:security@example.com"'],
        ("example.com", "CAA"): [ISSUE_OTHER],
    }
    assert [finding for finding in check("dev.example.com", {**REGISTERED, **records}) if finding.is_problem] == []


def test_the_closest_caa_records_count() -> None:
    records = {("dev.example.com", "CAA"): [ISSUE_AMAZON, ISSUE_GOOGLE], ("example.com", "CAA"): [ISSUE_OTHER]}
    assert [finding for finding in check("dev.example.com", {**REGISTERED, **records}) if finding.is_problem] == []


def test_a_resolver_that_does_not_answer_is_a_problem() -> None:
    def lookup(name: str, kind: str) -> list[str]:
        raise dns.exception.Timeout

    (found,) = domain.check("dev.example.com", lookup)
    assert found.is_problem
