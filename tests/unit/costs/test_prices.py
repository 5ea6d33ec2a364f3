"""Tests that the price table covers every resource type of the Pulumi program. Also tests the output of the cost
command.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from costs.prices import load
from emulation.providers import aws, cloudflare, gcp, schema
from infra import transforms

ROOT = Path(__file__).parents[3]


def test_every_type_of_the_program_has_a_price_or_is_known_to_have_none() -> None:
    prices = load()
    special = {
        "aws:ec2/instance:Instance",
        "gcp:compute/instance:Instance",
        "aws:route53/healthCheck:HealthCheck",
        "gcp:spanner/instance:Instance",
        "gcp:cloudrunv2/service:Service",
        "aws:ec2/vpcEndpoint:VpcEndpoint",
    }
    known = {*special, *prices.monthly, *prices.hourly, *prices.metered, *prices.free}
    handlers = [*aws.handlers(), *cloudflare.handlers(), *gcp.handlers()]
    assert {schema.token_of(handler.resource) for handler in handlers} - known == set()


def test_the_table_names_types_that_exist_and_none_twice() -> None:
    prices = load()
    listed = [*prices.monthly, *prices.hourly, *prices.metered, *prices.free]
    assert len(set(listed)) == len(listed)
    for token in listed:
        assert vars(transforms.resource_class(token))["pulumi_type"] == token


def test_costs_imports_nothing_of_the_program() -> None:
    for file in (ROOT / "costs").glob("*.py"):
        assert "infra" not in file.read_text()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "costs", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Writes a file with the output of `pulumi stack export` for a small stack. Returns the file's path."""
    kinds = ("aws:kms/key:Key", "aws:s3/bucket:Bucket", "aws:iam/role:Role")
    resources = [{"urn": f"urn:pulumi:dev::artifact-edge::{kind}::x", "type": kind, "custom": True} for kind in kinds]
    file = tmp_path / "dev.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": resources}}))
    return file


def test_the_command_prints_tiers_the_total_and_usage_based_costs(state: Path) -> None:
    result = run("--lines", str(state))
    assert result.returncode == 0, result.stderr
    for part in ("dev: an estimate", "1.00", "by use, 1 aws:s3/bucket:Bucket", "nothing: 1 resources of 1 types"):
        assert part in result.stdout


def test_more_than_the_budget_is_an_error_of_one_line(state: Path) -> None:
    assert run("--budget", "1", str(state)).returncode == 0
    result = run("--budget", "0.5", str(state))
    assert result.returncode == 1
    assert result.stderr == "error: dev: 1.00 is over the budget of 0.50 US dollars a month\n"


def test_invalid_plans_and_missing_prices_are_reported_without_a_stack_trace(tmp_path: Path, state: Path) -> None:
    state.write_text(state.read_text().replace("aws:iam/role:Role", "aws:rds/cluster:Cluster"))
    result = run(str(state))
    assert result.stderr == "error: aws:rds/cluster:Cluster: no price; add it to costs/prices.toml\n"
    assert run(str(tmp_path / "none.json")).stderr.startswith("error: ")
