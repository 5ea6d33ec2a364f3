"""Tests which workload identity pools and providers the emulated Google Cloud accepts. Also tests that it keeps deleted
pools and providers for 30 days.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from emulation.gcp import workload_identity
from emulation.gcp.api import create_app
from emulation.state_store import StateStore

POOLS = "/iam/v1/projects/unit/locations/global/workloadIdentityPools"
PROVIDERS = f"{POOLS}/github/providers"
ISSUER = {"issuerUri": "https://token.actions.githubusercontent.com"}
MAPPING = {"google.subject": "assertion.sub"}


class Clock:
    now = datetime(2026, 11, 28, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cloud(tmp_path: Path, clock: Clock) -> FlaskClient:
    store = StateStore(tmp_path / "gcp.sqlite")
    refusals = create_app(store, "198.51.100.0/24").error_handler_spec
    app = Flask(__name__)
    app.error_handler_spec = refusals
    workload_identity.add_to(app, store, clock)
    return app.test_client()


def create_pool(cloud: FlaskClient, id: str = "github", **body: Any) -> TestResponse:
    return cloud.post(f"{POOLS}?workloadIdentityPoolId={id}", json=body)


def create_provider(cloud: FlaskClient, **changes: Any) -> TestResponse:
    body = {"attributeMapping": MAPPING, "oidc": ISSUER, **changes}
    return cloud.post(f"{PROVIDERS}?workloadIdentityPoolProviderId=artifact-edge", json=body)


@pytest.mark.parametrize("id", ["abc", "a" * 33, "GitHub", "git_hub", "gcp-github"])
def test_an_id_that_google_does_not_accept_is_refused(cloud: FlaskClient, id: str) -> None:
    assert create_pool(cloud, id).status_code == 400


@pytest.mark.parametrize("id", ["abcd", "a" * 32, "1-pool-"])
def test_a_pool_is_named_by_the_number_of_its_project(cloud: FlaskClient, id: str) -> None:
    made = create_pool(cloud, id, displayName="d" * 32, description="d" * 256).get_json()
    assert made["name"].startswith("projects/") and made["name"].split("/")[1].isdigit()
    assert made["name"].endswith(f"/locations/global/workloadIdentityPools/{id}")


@pytest.mark.parametrize("body", [{"displayName": "d" * 33}, {"description": "d" * 257}])
def test_a_text_that_is_too_long_is_refused(cloud: FlaskClient, body: Any) -> None:
    assert create_pool(cloud, **body).status_code == 400


def test_an_unknown_field_and_another_location_are_refused(cloud: FlaskClient) -> None:
    assert create_pool(cloud, mode="TRUST_DOMAIN").status_code == 501
    elsewhere = POOLS.replace("/global/", "/europe-west1/")
    assert cloud.post(f"{elsewhere}?workloadIdentityPoolId=github", json={}).status_code == 400


def test_a_deleted_pool_is_read_restored_and_its_id_is_free_after_30_days(cloud: FlaskClient, clock: Clock) -> None:
    create_pool(cloud)
    assert create_pool(cloud).status_code == 409
    cloud.delete(f"{POOLS}/github")
    assert cloud.get(f"{POOLS}/github").get_json()["state"] == "DELETED"
    assert create_pool(cloud).status_code == 409
    assert cloud.patch(f"{POOLS}/github", json={"disabled": True}).status_code == 400
    assert create_provider(cloud).status_code == 400
    assert cloud.post(f"{POOLS}/github:undelete").get_json()["state"] == "ACTIVE"
    assert create_provider(cloud).status_code == 200
    cloud.delete(f"{POOLS}/github")
    clock.now += timedelta(days=30)
    assert cloud.get(f"{POOLS}/github").status_code == 404
    assert create_pool(cloud).status_code == 200


def test_a_provider_needs_a_pool_and_stays_for_30_days_too(cloud: FlaskClient, clock: Clock) -> None:
    assert create_provider(cloud).status_code == 404
    create_pool(cloud)
    assert create_provider(cloud).get_json()["name"].endswith("/workloadIdentityPools/github/providers/artifact-edge")
    cloud.delete(f"{PROVIDERS}/artifact-edge")
    assert create_provider(cloud).status_code == 409
    clock.now += timedelta(days=30)
    assert create_provider(cloud).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"attributeMapping": {"attribute.repository": "assertion.repository"}}, id="no subject"),
        pytest.param({"attributeMapping": {**MAPPING, "attribute.Repository": "assertion.x"}}, id="capital letter"),
        pytest.param({"attributeMapping": {**MAPPING, "google.other": "assertion.x"}}, id="unknown attribute"),
        pytest.param({"attributeMapping": {"google.subject": "assertion."}}, id="no expression"),
        pytest.param({"attributeMapping": {"google.subject": f"'{'s' * 2047}'"}}, id="mapping too long"),
        pytest.param(
            {"attributeMapping": {**MAPPING, **{f"attribute.a{number}": "assertion.x" for number in range(51)}}},
            id="too many attributes",
        ),
        pytest.param({"attributeCondition": "assertion.environment in ['prod'"}, id="no condition"),
        pytest.param({"attributeCondition": "token.environment == 'prod'"}, id="unknown variable"),
        pytest.param({"attributeCondition": f"assertion.a == '{'s' * 4096}'"}, id="condition too long"),
        pytest.param({"oidc": {"issuerUri": "http://token.example"}}, id="issuer without TLS"),
        pytest.param({"oidc": {**ISSUER, "allowedAudiences": ["a"] * 11}}, id="too many audiences"),
    ],
)
def test_a_provider_that_google_would_refuse_is_refused(cloud: FlaskClient, changes: Any) -> None:
    create_pool(cloud)
    assert create_provider(cloud, attributeCondition="assertion.environment == 'prod'").status_code == 200
    answer = cloud.patch(f"{PROVIDERS}/artifact-edge", json=changes)
    assert answer.status_code == 400, answer.get_json()
