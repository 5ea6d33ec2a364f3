"""Tests the doctor's checks of a Google Cloud project. The doctor is a command that checks accounts before a
deployment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from google.auth.exceptions import DefaultCredentialsError

from doctor import google
from doctor.finding import Finding
from stacks.config import Stack, load
from tests.support.stacks import ON_GOOGLE, PROD_WITH_BALANCER, first_up, prod_with_standby, stack_config

ENABLED = {"compute.googleapis.com", "iam.googleapis.com"}
# Maps modules of pulumi-gcp to the Google Cloud APIs that their resource types use. The type `storage/transferJob` uses
# a different API than the rest of its module.
APIS = {"serviceaccount": "iam", "cloudrunv2": "run", "kms": "cloudkms"}

ON_AWS = [{"cloud": "aws", "region": "us-east-1", "machine_type": "i4i.2xlarge", "nodes": 1}]


class Project:
    """Emulates the responses of the Service Usage and Compute Engine APIs. The project has only some APIs enabled."""

    def __init__(self, enabled: set[str], **free: float) -> None:
        self._enabled = enabled
        self._free = {"STATIC_ADDRESSES": 8, "N2_CPUS": 16, "LOCAL_SSD_TOTAL_GB": 750, **free}

    def get(self, url: str) -> Any:
        if ":batchGet" in url:
            names = [part.split("%2F")[-1] for part in url.partition("?")[2].split("&")]
            states = {name: "ENABLED" if name in self._enabled else "DISABLED" for name in names}
            return {"services": [{"config": {"name": name}, "state": state} for name, state in states.items()]}
        return {
            "quotas": [{"metric": name, "limit": 1000.0, "usage": 1000.0 - free} for name, free in self._free.items()]
        }


def stack(environment: str, changes: Mapping[str, Any] | None = None) -> Stack:
    changed = {f"artifact-edge:{key}": json.dumps(value) for key, value in (changes or {}).items()}
    return load(environment, {**stack_config(environment), **changed})


def problems(of: Stack, project: Project) -> list[Finding]:
    return [finding for finding in google.check(of, "example-project", project.get) if finding.is_problem]


def test_a_stack_on_aws_alone_has_no_check() -> None:
    assert list(google.check(stack("dev"), "", Project(set()).get)) == []


@pytest.mark.parametrize("changes", [{}, ON_GOOGLE, prod_with_standby()])
def test_the_needed_apis_are_those_of_the_resources(changes: Any) -> None:
    types = {each.type for each in first_up("prod", changes).resources if each.type.startswith("gcp:")}
    modules = {"storagetransfer" if "transferJob" in each else each.split(":")[1].split("/")[0] for each in types}
    assert google.needed_apis(stack("prod", changes)) == sorted(f"{APIS.get(m, m)}.googleapis.com" for m in modules)


@pytest.mark.parametrize(
    ("changes", "apis"),
    [
        ({"shields": ON_AWS, "pops": PROD_WITH_BALANCER["pops"]}, ["compute", "iam"]),
        (
            {"shields": ON_AWS, "metadata": ON_GOOGLE["metadata"]},
            ["cloudkms", "iam", "monitoring", "pubsub", "run", "spanner", "storage"],
        ),
    ],
    ids=["own PoPs", "metadata only"],
)
def test_a_stack_with_little_on_google_cloud_needs_its_apis(changes: Mapping[str, Any], apis: Sequence[str]) -> None:
    assert google.needed_apis(stack("prod", changes)) == [f"{api}.googleapis.com" for api in apis]


def test_the_machines_of_own_pops_count_in_their_region() -> None:
    changes = {
        "shields": [{"cloud": "gcp", "region": "us-east4", "machine_type": "n2-standard-8", "nodes": 2}],
        "pops": [{"cloud": "gcp", "region": "us-east4", "machine_type": "n2-standard-4", "nodes": 1}],
    }
    found = [
        each for each in google.check(stack("prod", changes), "any", Project(ENABLED).get) if "quota" in each.subject
    ]
    assert [finding.found.partition("the stack uses ")[2] for finding in found] == ["3", "20", "1125"]


def test_apis_that_are_not_enabled_are_named_with_the_command() -> None:
    (problem,) = problems(stack("prod"), Project({"compute.googleapis.com"}))
    assert problem.line() == (
        "FAIL  Google Cloud project example-project: iam.googleapis.com are not enabled; "
        "run: gcloud services enable --project example-project iam.googleapis.com"
    )


@pytest.mark.parametrize(("metric", "needed"), [("STATIC_ADDRESSES", 2), ("N2_CPUS", 16), ("LOCAL_SSD_TOTAL_GB", 750)])
def test_a_quota_that_the_machines_exceed_is_a_problem(metric: str, needed: int) -> None:
    """Tests two values of a quota. With the first value, the unused part of the quota is exactly what the stack `prod`
    needs in a region. With the second value, it is one unit less. In each of two regions of Google Cloud, the stack has
    two machines of the type n2-standard-8.
    """
    assert problems(stack("prod"), Project(ENABLED, **{metric: needed})) == []
    found = problems(stack("prod"), Project(ENABLED, **{metric: needed - 1}))
    assert [finding.subject.split(" in ")[0] for finding in found] == [f"quota {metric}"] * 2
    assert {finding.found for finding in found} == {f"{needed - 1} of 1000 are free, and the stack uses {needed}"}


def test_a_quota_that_the_api_does_not_list_is_named() -> None:
    shields = [{"cloud": "gcp", "region": "us-east1", "machine_type": "c4-standard-8-lssd", "nodes": 3}]
    found = list(google.check(stack("prod", {"shields": shields}), "example-project", Project(ENABLED).get))
    (cpus,) = [finding for finding in found if finding.subject == "quota C4_CPUS in us-east1"]
    assert cpus.found == "the API does not list it; the stack uses 24, see the page IAM & Admin > Quotas"


def test_missing_credentials_name_the_command() -> None:
    def get(url: str) -> Any:
        raise DefaultCredentialsError("no credentials were found")

    (problem,) = google.check(stack("prod"), "example-project", get)
    assert problem.fix.startswith("run: gcloud auth application-default login")
