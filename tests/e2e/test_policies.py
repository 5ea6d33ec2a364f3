"""Tests the policy pack in the Pulumi engine: the findings that a developer sees for a bucket without protection."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from emulation.services import AddressTaken
from local.checkout import CHECKOUT
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox

LOOPBACK = "127.86"
pytestmark = pytest.mark.plans

SINGLE_REGION = {"multi-bucket-replicated": {"enforcementLevel": "mandatory", "regions": 1}}


@pytest.fixture(scope="module")
def buckets() -> Iterator[TemporarySandbox]:
    """Yields a stack of the Pulumi program in tests/e2e/buckets/, with a copy of the policy pack. The policy settings
    of the stack accept a single region.
    """
    with temporary_sandbox(LOOPBACK, print) as sandbox:
        project = sandbox.clouds.directory / "buckets"
        shutil.copytree(Path(__file__).parent / "buckets", project)
        (project / ".venv").symlink_to(CHECKOUT / ".venv")
        shutil.copytree(CHECKOUT / "policies", project / "policies")
        # Modules of the policy pack import each other as `policies.…`. The Pulumi engine puts the pack's own folder at
        # the start of sys.path, so Python searches for `policies` inside this folder. A symbolic link to the folder
        # itself makes the imports work.
        (project / "policies" / "policies").symlink_to(".")
        (project / "settings.json").write_text(json.dumps(SINGLE_REGION))
        stack = dataclasses.replace(sandbox, project=project)
        assert stack.pulumi("stack", "init", "test").returncode == 0
        assert stack.pulumi("config", "set", "aws:region", "us-east-1").returncode == 0
        yield stack


def test_an_unprotected_bucket_is_refused_with_its_name_and_the_fix(buckets: TemporarySandbox) -> None:
    buckets.pulumi("config", "set", "guarded", "false")
    refused = buckets.pulumi("preview", "--policy-pack", "policies")
    assert refused.returncode != 0
    assert (
        "[mandatory] [severity: critical]  aws-s3-bucket-public-access-blocked  (aws:s3:Bucket: assets)"
        in refused.stdout
    )
    assert "assets: no public access block belongs to the bucket. Give it an aws.s3.Bucket" in refused.stdout
    for name in (
        "aws-s3-bucket-encrypted",
        "multi-bucket-replicated",
        "aws-s3-bucket-tls-only",
        "multi-bucket-versioned",
    ):
        assert f"{name}  (aws:s3:Bucket: assets)" in refused.stdout
    assert "Traceback" not in refused.stdout + refused.stderr


def test_a_protected_bucket_passes_where_the_config_allows_one_region(buckets: TemporarySandbox) -> None:
    buckets.pulumi("config", "set", "guarded", "true")
    pack = ("--policy-pack", "policies")
    refused = buckets.pulumi("preview", *pack)
    assert refused.stdout.count("[mandatory]") == 1
    assert "no rule for all objects replicates to the bucket or from it" in refused.stdout
    passed = buckets.pulumi("preview", *pack, "--policy-pack-config", "settings.json")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "[mandatory]" not in passed.stdout


def test_a_valid_exemption_is_reported_and_an_expired_one_is_refused(buckets: TemporarySandbox) -> None:
    buckets.pulumi("config", "set", "guarded", "true")
    file = buckets.project / "policies" / "exemptions" / "test.yaml"
    file.parent.mkdir(exist_ok=True)
    entry = {
        "policy": "multi-bucket-replicated",
        "resource": "*::aws:s3/bucket:Bucket::assets",
        "reason": "is made anew from the other store each night",
        "owner": "platform",
    }
    try:
        file.write_text(json.dumps([{**entry, "expires": str(date.today() + timedelta(days=30))}]))
        passed = buckets.pulumi("preview", "--policy-pack", "policies")
        assert passed.returncode == 0, passed.stdout + passed.stderr
        assert "[advisory] [severity: low]  stack-exemptions-reported" in passed.stdout
        assert (
            "(platform: is made anew from the other store each night): assets: no rule for all objects replicates"
            in passed.stdout
        )
        yesterday = date.today() - timedelta(days=1)
        file.write_text(json.dumps([{**entry, "expires": str(yesterday)}]))
        refused = buckets.pulumi("preview", "--policy-pack", "policies")
        assert refused.returncode != 0
        assert "stack-exemptions-valid" in refused.stdout
        assert f"expired on {yesterday}" in refused.stdout
        assert "assets: no rule for all objects replicates" in refused.stdout
    finally:
        file.unlink()


def test_a_setting_of_the_wrong_type_is_refused(buckets: TemporarySandbox) -> None:
    wrong = buckets.project / "wrong.json"
    wrong.write_text(json.dumps({"multi-bucket-replicated": {"regions": "two"}}))
    refused = buckets.pulumi("preview", "--policy-pack", "policies", "--policy-pack-config", "wrong.json")
    assert refused.returncode != 0
    assert "multi-bucket-replicated: regions: Invalid type. Expected: integer, given: string" in refused.stdout


def test_a_setting_with_a_former_name_is_refused_with_the_current_name(buckets: TemporarySandbox) -> None:
    former = buckets.project / "former.json"
    former.write_text(json.dumps({"bucket-replicated": "disabled"}))
    refused = buckets.pulumi("preview", "--policy-pack", "policies", "--policy-pack-config", "former.json")
    assert refused.returncode != 0
    assert "the policy bucket-replicated is now called multi-bucket-replicated" in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr


@pytest.mark.usefixtures("buckets")
def test_a_second_sandbox_on_the_same_addresses_is_refused() -> None:
    with (
        pytest.raises(AddressTaken, match=r"127\.86\.0\.0/16 are in use by another sandbox"),
        temporary_sandbox(LOOPBACK, print),
    ):
        pass
