"""Tests which metrics the registry sends to Cloud Monitoring. The stack's alarms in Cloud Monitoring must read the same
metrics.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import google.auth
import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError
from google.auth.transport.requests import AuthorizedSession

from contract.metrics import GOOGLE_TYPES, PURGE_LAG
from emulation.gcp import in_process
from emulation.providers.gcp import functions, handlers
from infra.observability import CloudMonitoringAlarm, CloudMonitoringObservabilityArgs
from infra.observability.cloud_monitoring import CloudMonitoringObservability
from infra.publishing.alarms import alarms
from registry import RegistryError
from registry.delivery.cloud_monitoring import ENDPOINT_VARIABLE, CloudMonitoring
from tests.support.harness import deploy

PROJECT = "unit"
EVER = {"interval.startTime": "2000-01-01T00:00:00+00:00", "interval.endTime": "2100-01-01T00:00:00+00:00"}


class Answered:
    """Converts a response of the emulated API to an object like the responses of the library `requests`."""

    def __init__(self, answer: httpx.Response) -> None:
        self.ok, self.status_code, self.text = answer.is_success, answer.status_code, answer.text


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> httpx.Client:
    client = in_process.client(tmp_path)

    def post(self: AuthorizedSession, url: str, *, json: Any, timeout: float) -> Answered:
        return Answered(client.post(urlsplit(url).path, json=json))

    def default(scopes: list[str]) -> tuple[AnonymousCredentials, None]:
        assert scopes == ["https://www.googleapis.com/auth/monitoring.write"]
        return AnonymousCredentials(), None  # pyright: ignore[reportUnknownVariableType]  untyped library

    monkeypatch.setattr(AuthorizedSession, "post", post)
    monkeypatch.setattr(google.auth, "default", default)
    monkeypatch.setenv(ENDPOINT_VARIABLE, "http://googleapis.invalid/monitoring/")
    return client


@pytest.fixture
def watched(cloud: httpx.Client) -> list[dict[str, Any]]:
    """Deploys a stack whose database is Spanner. Returns its alert policies."""

    def program() -> None:
        named = [alarm for alarm in alarms("unit", "spanner", "us-east1") if isinstance(alarm, CloudMonitoringAlarm)]
        CloudMonitoringObservability("observability", CloudMonitoringObservabilityArgs("unit", named, []))

    deploy(program, handlers(lambda: cloud), functions(lambda: cloud), config={"gcp:project": PROJECT})
    return cloud.get(f"monitoring/v3/projects/{PROJECT}/alertPolicies").json()["alertPolicies"]


def values(cloud: httpx.Client, policy: dict[str, Any]) -> list[float]:
    """Returns the metric values that match the filter of an alert policy, in ascending order."""
    looked = {**EVER, "filter": policy["conditions"][0]["conditionThreshold"]["filter"]}
    found = cloud.get(f"monitoring/v3/projects/{PROJECT}/timeSeries", params=looked).raise_for_status().json()
    return sorted(point["value"]["doubleValue"] for series in found["timeSeries"] for point in series["points"])


def test_the_alarms_use_the_metrics_that_the_registry_publishes(
    cloud: httpx.Client, watched: list[dict[str, Any]]
) -> None:
    monitoring = CloudMonitoring("unit", PROJECT)
    monitoring.purges(300.0, 2)
    monitoring.publish_to_visible({("origin", "us-east1"): 1.5, ("edge", "eu-west"): 40.0})
    CloudMonitoring("another", PROJECT).purges(0, 0)
    seen = {policy["displayName"]: values(cloud, policy) for policy in watched}
    assert seen == {"unit-purge-lag": [300.0], "unit-purges-given-up": [2.0], "unit-publish-to-visible": [1.5, 40.0]}


def test_a_refusal_is_one_line(cloud: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RegistryError, match=r"project unit: 501 .*no descriptor"):
        CloudMonitoring("unit", PROJECT).purges(1, 0)

    def nobody(scopes: list[str]) -> None:
        raise DefaultCredentialsError("no credentials")

    monkeypatch.setattr(google.auth, "default", nobody)
    with pytest.raises(RegistryError, match="gcloud auth application-default login"):
        CloudMonitoring("unit", PROJECT).purges(1, 0)


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (["metric", "type"], "run.googleapis.com/request_count", "no descriptor"),
        (["metric", "labels"], {"colour": "red"}, "unrecognized colour"),
        (["resource", "type"], "gce_instance", "resource.type"),
        (["points"], [], "exactly one point"),
        (["kind"], "GAUGE", "not emulated: request.timeSeries[0].kind"),
    ],
)
@pytest.mark.usefixtures("watched")
def test_the_emulated_api_refuses_what_google_would(
    cloud: httpx.Client, place: list[str], value: Any, says: str
) -> None:
    path = f"monitoring/v3/projects/{PROJECT}/timeSeries"
    for minute in (0, 1):
        assert cloud.post(path, json={"timeSeries": [series(minute)]}).is_success
    assert "written in order" in cloud.post(path, json={"timeSeries": [series(0)]}).text
    broken = within = series(2)
    for name in place[:-1]:
        within = within[name]
    within[place[-1]] = value
    assert says in cloud.post(path, json={"timeSeries": [broken]}).json()["error"]["message"]


def series(minute: int) -> dict[str, Any]:
    return {
        "metric": {"type": GOOGLE_TYPES[PURGE_LAG], "labels": {"environment": "unit"}},
        "resource": {"type": "global", "labels": {"project_id": PROJECT}},
        "points": [{"interval": {"endTime": f"2026-01-01T00:0{minute}:00Z"}, "value": {"doubleValue": 1.0}}],
    }
