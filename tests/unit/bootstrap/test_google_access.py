"""Tests what the bootstrap program creates on Google Cloud, and which GitHub job may use which service account."""

from __future__ import annotations

from pathlib import Path

import httpx
import pulumi
import pulumi_gcp as gcp
import pytest

from bootstrap.google_trust import google_trust
from emulation.gcp import in_process
from emulation.providers.gcp import handlers
from tests.policies.graph import as_policies_see_it
from tests.policies.resources import NAMES, findings, settings
from tests.support.bootstrap_stack import bootstrap_up
from tests.support.github_tokens import REPOSITORY, claims
from tests.support.harness import Deployment
from tests.support.workload_identity import Provider, Refused

PROJECT = "acme-edge"
POOLS = f"iam/v1/projects/{PROJECT}/locations/global/workloadIdentityPools"
ENVIRONMENTS = ("dev", "dev-drift", "prod", "prod-drift")

pytestmark = pytest.mark.usefixtures("aws_cloud")


@pytest.fixture
def cloud(tmp_path: Path) -> httpx.Client:
    return in_process.client(tmp_path)


def up(cloud: httpx.Client) -> Deployment:
    return bootstrap_up(cloud, google_project=PROJECT)


def provider(cloud: httpx.Client) -> Provider:
    found = cloud.get(f"{POOLS}/github/providers/artifact-edge").json()
    issuer, mapping = found["oidc"]["issuerUri"], found["attributeMapping"]
    return Provider(found["name"], issuer, mapping, found["attributeCondition"])


def test_a_job_acts_as_the_account_of_its_environment_alone(cloud: httpx.Client) -> None:
    outputs = up(cloud).outputs["google_access"]
    trusting = provider(cloud)
    assert outputs["provider"] == trusting.name
    for environment in ENVIRONMENTS:
        subject = trusting.subject(
            {**claims(environment=environment), "aud": f"https://iam.googleapis.com/{trusting.name}"}
        )
        pool = trusting.name.partition("/providers/")[0]
        email = outputs["accounts"][environment]
        name = environment if environment.endswith("-drift") else f"{environment}-deploy"
        assert email == f"artifact-edge-{name}@{PROJECT}.iam.gserviceaccount.com"
        account = cloud.get(f"iam/v1/projects/{PROJECT}/serviceAccounts/{email}").json()
        assert account["iam"]["bindings"] == [
            {
                "role": "roles/iam.workloadIdentityUser",
                "members": [f"principal://iam.googleapis.com/{pool}/subject/{subject}"],
            }
        ]


def test_a_job_of_another_repository_is_refused(cloud: httpx.Client) -> None:
    up(cloud)
    trusting = provider(cloud)
    token = {**claims(repository_id="999"), "aud": f"https://iam.googleapis.com/{trusting.name}"}
    with pytest.raises(Refused):
        trusting.subject(token)


def test_the_provider_has_the_settings_that_the_program_exports(cloud: httpx.Client) -> None:
    trust = google_trust(REPOSITORY, ["dev", "prod"])
    assert up(cloud).outputs["google"] == trust
    found = cloud.get(f"{POOLS}/github/providers/artifact-edge").json()
    assert (found["attributeMapping"], found["attributeCondition"]) == (
        trust["attribute_mapping"],
        trust["attribute_condition"],
    )


def test_without_a_project_nothing_is_created_on_google_cloud() -> None:
    deployment = bootstrap_up()
    assert not [each for each in deployment.resources if each.type.startswith("gcp:")]
    assert "google_access" not in deployment.outputs


def test_a_refresh_finds_no_drift_and_a_deleted_pool_is_drift(cloud: httpx.Client) -> None:
    deployment = up(cloud)
    known = {each.resource: each for each in handlers(lambda: cloud)}
    for resource in (gcp.iam.WorkloadIdentityPool, gcp.iam.WorkloadIdentityPoolProvider, gcp.serviceaccount.IAMMember):
        for each in deployment.of(resource).values():
            assert known[resource].read(each.id, each.outputs) == each.outputs
    cloud.delete(f"{POOLS}/github")
    (pool,) = deployment.of(gcp.iam.WorkloadIdentityPool).values()
    assert known[gcp.iam.WorkloadIdentityPool].read(pool.id, pool.outputs) is None
    with pytest.raises(Exception, match="already exists"):
        known[gcp.iam.WorkloadIdentityPool].create(pool.inputs)


def test_the_accounts_meet_the_policies_with_the_settings_of_bootstrap(cloud: httpx.Client) -> None:
    registered = as_policies_see_it(up(cloud))
    given = settings("bootstrap")
    off = {name for name, value in given.items() if value["enforcementLevel"] == "disabled"}
    found = {name: findings(name, registered, given.get(name)) for name in NAMES if name not in off}
    assert {name: value for name, value in found.items() if value} == {}


def test_a_project_that_google_would_refuse_is_an_error() -> None:
    with pytest.raises(pulumi.RunError, match="google_project: 'acme' is not the ID of a Google Cloud project"):
        bootstrap_up(google_project="acme")
