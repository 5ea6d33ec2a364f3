"""Tests `python -m drift` on the emulated Google Cloud. The command must report each labelled resource that only the
Pulumi state or only the Google Cloud project contains.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from drift import DriftError, google_api
from drift.google_cloud import compare
from drift.state import Resource, State
from tests.support.google_session import connect
from tests.support.harness import aws_account
from tests.support.stacks import ON_GOOGLE, brought_up, stack_config

LABELS = {"project": "artifact-edge", "environment": "prod"}
PROJECT = "acme-packages-prod"


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[State, httpx.Client]]:
    """Deploys the stack `prod` on an emulated Google Cloud. Yields the stack's state and an HTTP client of the emulated
    Google Cloud.
    """
    config = stack_config("prod") | {f"artifact-edge:{name}": json.dumps(value) for name, value in ON_GOOGLE.items()}
    with aws_account(), tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        deployment, client = brought_up("prod", config, Path(directory))
        connect(patch, client)
        known = [Resource(each.urn, each.type, each.id, each.outputs) for each in deployment.resources if each.id]
        yield State("artifact-edge", "prod", known), client


def project_of(state: State) -> str:
    return next(str(each.outputs["project"]) for each in state.of_type("gcp:compute/address:Address"))


def test_a_stack_has_the_resources_of_its_state(deployed: tuple[State, httpx.Client]) -> None:
    state, _ = deployed
    assert compare(state).lines() == []


ORPHANS: list[tuple[str, str, dict[str, Any]]] = [
    ("gcp:compute/address:Address", "compute/v1/projects/{}/regions/us-west1/addresses", {"name": "left"}),
    ("gcp:compute/globalAddress:GlobalAddress", "compute/v1/projects/{}/global/addresses", {"name": "left"}),
    ("gcp:storage/bucket:Bucket", "storage/v1/b?project={}", {"name": "left-of-acme", "location": "US"}),
    ("gcp:pubsub/topic:Topic", "pubsub/v1/projects/{}/topics", {"name": "left"}),
]


@pytest.mark.parametrize(("type_token", "path", "body"), ORPHANS, ids=[each[0] for each in ORPHANS])
@pytest.mark.parametrize("environment", ["prod", "dev"])
def test_a_resource_is_an_orphan_only_with_the_labels_of_the_stack(
    deployed: tuple[State, httpx.Client], type_token: str, path: str, body: dict[str, Any], environment: str
) -> None:
    state, client = deployed
    url = "/" + path.format(project_of(state))
    client.post(url, json={**body, "labels": {**LABELS, "environment": environment}}).raise_for_status()
    lines = compare(state).lines()
    client.delete(f"{url.partition('?')[0]}/{body['name']}").raise_for_status()
    found = [line for line in lines if line.startswith(f"missing from the state: {type_token} ")]
    assert (len(found), found == lines) == ((1, True) if environment == "prod" else (0, True))
    assert all(line.endswith(body["name"]) for line in found)


def test_each_resource_that_the_state_lacks_is_listed(deployed: tuple[State, httpx.Client]) -> None:
    """Removes all resources from the state, except for a Cloud Run service and a network. The two resources must stay,
    because the tested function `compare` searches only projects and regions that the state contains.
    """
    state, _ = deployed
    google = [each for each in state.resources if each.type.startswith("gcp:")]
    kept = [each for each in google if each.type in ("gcp:cloudrunv2/service:Service", "gcp:compute/network:Network")]
    lines = compare(State(state.project, state.environment, kept)).lines()
    types = {line.split()[4] for line in lines}
    assert types == {
        "gcp:compute/address:Address",
        "gcp:compute/instance:Instance",
        "gcp:monitoring/alertPolicy:AlertPolicy",
        "gcp:monitoring/notificationChannel:NotificationChannel",
        "gcp:pubsub/subscription:Subscription",
        "gcp:pubsub/topic:Topic",
        "gcp:spanner/instance:Instance",
        "gcp:storage/bucket:Bucket",
    }
    assert len(lines) == len([each for each in google if each.type in types])


def test_each_resource_that_the_project_lacks_is_listed(deployed: tuple[State, httpx.Client]) -> None:
    state, _ = deployed
    named = f"projects/{project_of(state)}/regions/us-east4/addresses/gone"
    gone = Resource("urn::gone", "gcp:compute/address:Address", named, {"project": project_of(state)})
    lines = compare(State(state.project, state.environment, [*state.resources, gone])).lines()
    assert lines == [f"missing from the account: {named} (urn::gone)"]


def test_an_api_that_the_project_does_not_use_has_no_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = ["SERVICE_DISABLED", "IAM_PERMISSION_DENIED"]

    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, json={"error": {"code": 403, "details": [{"reason": reasons.pop(0)}]}})

    connect(monkeypatch, httpx.Client(transport=httpx.MockTransport(refuse)))
    monkeypatch.setattr(google_api, "HTTPError", httpx.HTTPStatusError)
    monkeypatch.setattr(google_api, "RequestException", httpx.HTTPStatusError)
    assert list(google_api.listed("pubsub", "projects/any/topics", "topics")) == []
    with pytest.raises(DriftError, match=r"Pub/Sub: .*403"):
        list(google_api.listed("pubsub", "projects/any/topics", "topics"))


def test_a_stack_without_google_cloud_needs_no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN", raising=False)
    assert compare(State("artifact-edge", "prod", [])).lines() == []
