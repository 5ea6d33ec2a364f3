"""What an exception excuses, and what it does not."""

from __future__ import annotations

import pytest
from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

from policies.framework import exemptions
from policies.pack import POLICIES
from tests.policies.cases.parts import INSTANCE, PRIMARY, REPLICA, beside
from tests.policies.cases.review import exception
from tests.policies.conftest import Excepting
from tests.policies.resources import findings, resource
from tests.unit.stacks.test_config import ENVIRONMENTS


def reported(*resources: PolicyResource) -> list[str]:
    return findings("exceptions-reported", list(resources))


def test_an_exception_excuses_one_policy_for_the_resources_it_names_and_is_told(excepting: Excepting) -> None:
    excepting(exception())
    (other,) = findings("bucket-versioned", [PRIMARY, REPLICA])
    assert other.startswith("replica: ")
    assert findings("bucket-encrypted", [PRIMARY])
    (told,) = reported(PRIMARY, REPLICA)
    assert "bucket-versioned for *::aws:s3/bucket:Bucket::primary excuses until 2027-01-31" in told
    assert "(platform: is filled anew each night from the primary)" in told
    assert "primary: no versioning belongs to the bucket" in told


def test_a_policy_about_single_resources_can_be_excused_from(excepting: Excepting) -> None:
    machine = resource(INSTANCE, {"instanceType": "m6i.large"}, "slow")
    excepting(exception(policy="shield-on-nvme", resource="'*:Instance::slow'"))
    assert findings("shield-on-nvme", [machine]) == []
    assert "m6i.large has no NVMe disk" in reported(machine)[0]


def test_an_exception_that_has_expired_excuses_nothing(excepting: Excepting) -> None:
    excepting(exception(expires="2026-11-23"))
    assert findings("bucket-versioned", [PRIMARY])


def test_one_bad_entry_does_not_take_the_others_with_it(excepting: Excepting) -> None:
    excepting(exception(owner="") + exception())
    assert findings("bucket-versioned", [PRIMARY]) == []


def test_an_exception_is_not_called_unused_while_its_policy_waits_for_a_value(excepting: Excepting) -> None:
    excepting(exception())
    waiting = beside(PRIMARY, "BucketVersioning", {"versioningConfiguration": {"status": UNKNOWN_STRING_VALUE}})
    with pytest.raises(UnknownValueError):
        findings("bucket-versioned", [PRIMARY, waiting])
    assert reported(PRIMARY) == []
    assert "excuses nothing" in reported(PRIMARY)[0]  # each run of the engine is told of on its own


def test_only_what_is_excused_is_advisory() -> None:
    soft = [policy.name for policy in POLICIES if policy.enforcement_level is not None]
    assert soft == ["exceptions-reported"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_exceptions_of_our_own_environments_are_sound_today(environment: str) -> None:
    """It fails on the day that one expires: mend what it excused, or ask its owner."""
    found = exemptions.exemptions(environment)
    root = f"urn:pulumi:{environment}::artifact-edge::"
    stack = PolicyResource("pulumi:pulumi:Stack", {}, root, "stack", PRIMARY.opts, None, None, [], {})
    assert findings("exceptions-sound", [stack]) == []
    assert found.stack == environment
