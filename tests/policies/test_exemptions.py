"""Tests which policy findings an exemption covers, and how the policy pack reports invalid exemptions."""

from __future__ import annotations

from pathlib import Path

import pytest
from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

import policies
from policies.framework import exemptions
from policies.pack import POLICIES
from tests.policies.cases.exemption_rules import exemption
from tests.policies.cases.parts import INSTANCE, PRIMARY, REPLICA, bucket_setting
from tests.policies.resources import findings, resource
from tests.support.exemptions import WriteExemptions
from tests.support.stacks import ENVIRONMENTS


def reported(*resources: PolicyResource) -> list[str]:
    return findings("stack-exemptions-reported", list(resources))


def test_an_exemption_covers_one_policy_for_the_resources_that_it_names(
    write_exemptions: WriteExemptions,
) -> None:
    write_exemptions(exemption())
    (other,) = findings("multi-bucket-versioned", [PRIMARY, REPLICA])
    assert other.startswith("replica: ")
    assert findings("aws-s3-bucket-encrypted", [PRIMARY])
    (report,) = reported(PRIMARY, REPLICA)
    assert "multi-bucket-versioned for *::aws:s3/bucket:Bucket::primary covers until 2027-01-31" in report
    assert "(platform: is filled anew each night from the primary)" in report
    assert "primary: no versioning belongs to the bucket" in report


def test_a_policy_about_single_resources_can_have_exemptions(write_exemptions: WriteExemptions) -> None:
    machine = resource(INSTANCE, {"instanceType": "m6i.large"}, "slow")
    write_exemptions(exemption(policy="multi-shield-cache-on-nvme", resource="'*:Instance::slow'"))
    assert findings("multi-shield-cache-on-nvme", [machine]) == []
    assert "m6i.large has no NVMe disk" in reported(machine)[0]


@pytest.mark.parametrize("changes", [{"expires": "2026-11-23"}, {"resource": "'urn:pulumi:*'"}])
def test_an_exemption_that_has_expired_or_matches_everything_covers_nothing(
    write_exemptions: WriteExemptions, changes: dict[str, str]
) -> None:
    write_exemptions(exemption(**changes))
    assert findings("multi-bucket-versioned", [PRIMARY])


def test_one_invalid_entry_leaves_the_others_valid(write_exemptions: WriteExemptions) -> None:
    write_exemptions(exemption(owner="") + exemption())
    assert findings("multi-bucket-versioned", [PRIMARY]) == []


def test_an_exemption_is_not_unused_while_its_policy_waits_for_a_value(
    write_exemptions: WriteExemptions,
) -> None:
    write_exemptions(exemption())
    waiting = bucket_setting(PRIMARY, "BucketVersioning", {"versioningConfiguration": {"status": UNKNOWN_STRING_VALUE}})
    with pytest.raises(UnknownValueError):
        findings("multi-bucket-versioned", [PRIMARY, waiting])
    assert reported(PRIMARY) == []
    # The first report about exemptions is empty. The exempted policy met an unknown value, so the exemption could still
    # be necessary. The second report calls the exemption unused, because the policy has not run since the first report.
    assert "covers nothing" in reported(PRIMARY)[0]


def test_only_the_report_of_exemptions_is_advisory() -> None:
    soft = [policy.name for policy in POLICIES if policy.enforcement_level is not None]
    assert soft == ["stack-exemptions-reported"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_exemptions_of_our_own_environments_are_valid_today(environment: str) -> None:
    """This test fails from the day on which an exemption from a policy expires. To repair it, make the stack comply
    with the policy, or ask the exemption's owner to extend the exemption.
    """
    found = exemptions.exemptions(environment)
    root = f"urn:pulumi:{environment}::artifact-edge::"
    stack = PolicyResource("pulumi:pulumi:Stack", {}, root, "stack", PRIMARY.opts, None, None, [], {})
    assert findings("stack-exemptions-valid", [stack]) == []
    assert found.stack == environment


@pytest.mark.parametrize("policy", ["stack-exemptions-valid", "stack-exemptions-reported"])
def test_no_exemption_covers_the_findings_about_exemptions(policy: str, write_exemptions: WriteExemptions) -> None:
    root = "urn:pulumi:unit::artifact-edge::pulumi:pulumi:Stack::artifact-edge-unit"
    write_exemptions(exemption(policy=policy, resource=root) + exemption(expires="2026-11-23"))
    problems = findings("stack-exemptions-valid", [PRIMARY])
    assert any("expired on 2026-11-23" in problem for problem in problems)
    assert any(f"exemption from {policy}" in problem and "no exemption" in problem for problem in problems)
    assert findings("stack-exemptions-reported", [PRIMARY])


def test_the_former_directory_is_refused_with_the_new_location(write_exemptions: WriteExemptions) -> None:
    write_exemptions("")
    exemptions.DIRECTORY.with_name("exceptions").mkdir()
    (problem,) = findings("stack-exemptions-valid", [PRIMARY])
    assert "policies/exceptions is not read; move its files to policies/exemptions" in problem


def test_the_exemptions_of_the_pack_are_read_where_the_page_says() -> None:
    assert Path(policies.__file__).with_name("exemptions") == exemptions.DIRECTORY
