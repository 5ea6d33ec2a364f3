"""Tests which alarms the program creates in Cloud Monitoring. Also tests which alarms Cloud Monitoring refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

import httpx
import pulumi
import pytest

from emulation.gcp import in_process
from emulation.providers.gcp import functions, handlers
from infra import transforms
from infra.observability import CloudMonitoringAlarm, CloudMonitoringObservabilityArgs, CustomMetric, Tier
from infra.observability.cloud_monitoring import CloudMonitoringObservability
from infra.observability.cloud_monitoring_dashboard import body
from infra.observability.cloud_run_alarms import dead_letter_alarm, service_alarms
from tests.support.harness import deploy

PROJECT = "unit"
PREFIX = "artifact-edge-test"
BUSY = CloudMonitoringAlarm(
    name="metadata-busy",
    tier="metadata",
    fault="Spanner has too little left for the loss of a zone",
    metric="spanner.googleapis.com/instance/cpu/utilization_by_priority",
    resource="spanner_instance",
    where={"resource.labels.instance_id": "artifact-edge-test", "metric.labels.priority": "high"},
    threshold=0.65,
    aligner="ALIGN_MEAN",
    reducer="REDUCE_SUM",
    by=["resource.labels.location"],
    lasting=600,
    severity="WARNING",
    runbook="docs/operations.md#spanner-is-busy",
)
FAILS = CloudMonitoringAlarm(
    name="entitlements-fails",
    tier="entitlements",
    fault="Tokens do not reach the edge",
    metric="run.googleapis.com/request_count",
    resource="cloud_run_revision",
    where={"resource.labels.service_name": "follower"},
    bad=("metric.labels.response_code_class", "5xx"),
    threshold=0.05,
    aligner="ALIGN_DELTA",
    reducer="REDUCE_SUM",
    severity="CRITICAL",
)
LAGS = CloudMonitoringAlarm(
    name="purge-lag",
    tier="registry",
    fault="Readers see old documents",
    metric="custom.googleapis.com/artifact_edge/purge_lag",
    resource="global",
    where={"metric.labels.environment": "test"},
    threshold=120,
    lasting=300,
    missing="bad",
    custom=CustomMetric("s", "How old the oldest change is", ["environment"]),
)

Watch = Callable[..., None]


@pytest.fixture
def cloud(tmp_path: Path) -> httpx.Client:
    return in_process.client(tmp_path)


@pytest.fixture
def watch(cloud: httpx.Client) -> Watch:
    def run(*alarms: CloudMonitoringAlarm, emails: tuple[str, ...] = ()) -> None:
        def program() -> None:
            pulumi.runtime.register_resource_transform(transforms.tag({"owner": "platform"}))
            CloudMonitoringObservability("observability-gcp", CloudMonitoringObservabilityArgs(PREFIX, alarms, emails))

        deploy(program, handlers(lambda: cloud), functions(lambda: cloud), config={"gcp:project": PROJECT})

    return run


def kept(cloud: httpx.Client, collection: str) -> list[dict[str, Any]]:
    answer = cloud.get(f"monitoring/v3/projects/{PROJECT}/{collection}")
    return answer.raise_for_status().json()[collection]


def test_a_policy_has_a_description_a_runbook_and_channels(cloud: httpx.Client, watch: Watch) -> None:
    watch(BUSY, emails=("on-call@example.com",))
    (policy,), (channel,) = kept(cloud, "alertPolicies"), kept(cloud, "notificationChannels")
    assert policy["displayName"] == f"{PREFIX}-metadata-busy"
    assert policy["documentation"]["content"] == (
        "Spanner has too little left for the loss of a zone. What to do: docs/operations.md#spanner-is-busy"
    )
    assert (policy["severity"], policy["userLabels"]) == ("WARNING", {"tier": "metadata", "owner": "platform"})
    assert policy["notificationChannels"] == [channel["name"]]
    assert channel["labels"] == {"email_address": "on-call@example.com"}
    assert channel["userLabels"] == {"owner": "platform"}
    (condition,) = policy["conditions"]
    threshold = condition["conditionThreshold"]
    assert threshold["filter"] == (
        'metric.type = "spanner.googleapis.com/instance/cpu/utilization_by_priority" AND '
        'resource.type = "spanner_instance" AND metric.labels.priority = "high" AND '
        'resource.labels.instance_id = "artifact-edge-test"'
    )
    assert (threshold["comparison"], threshold["thresholdValue"]) == ("COMPARISON_GT", 0.65)
    assert (threshold["duration"], threshold["evaluationMissingData"]) == ("600s", "EVALUATION_MISSING_DATA_INACTIVE")
    assert threshold["aggregations"] == [
        {
            "alignmentPeriod": "60s",
            "perSeriesAligner": "ALIGN_MEAN",
            "crossSeriesReducer": "REDUCE_SUM",
            "groupByFields": ["resource.labels.location"],
        }
    ]


def test_a_ratio_covers_all_series_of_the_alarm(cloud: httpx.Client, watch: Watch) -> None:
    watch(FAILS)
    (policy,) = kept(cloud, "alertPolicies")
    threshold = policy["conditions"][0]["conditionThreshold"]
    assert threshold["filter"] == f'{threshold["denominatorFilter"]} AND metric.labels.response_code_class = "5xx"'
    assert threshold["denominatorAggregations"] == threshold["aggregations"]


def test_a_custom_metric_is_declared_before_it_has_a_value(cloud: httpx.Client, watch: Watch) -> None:
    watch(LAGS)
    (metric,) = kept(cloud, "metricDescriptors")
    assert (metric["type"], metric["unit"]) == ("custom.googleapis.com/artifact_edge/purge_lag", "s")
    assert [label["key"] for label in metric["labels"]] == ["environment"]
    (policy,) = kept(cloud, "alertPolicies")
    threshold = policy["conditions"][0]["conditionThreshold"]
    assert threshold["evaluationMissingData"] == "EVALUATION_MISSING_DATA_ACTIVE"


def test_the_dashboard_has_a_row_for_each_tier_with_policies_and_metrics(cloud: httpx.Client, watch: Watch) -> None:
    watch(BUSY, FAILS)
    (dashboard,) = cloud.get(f"monitoring/v1/projects/{PROJECT}/dashboards").json()["dashboards"]
    widgets = [tile["widget"] for tile in dashboard["mosaicLayout"]["tiles"]]
    headings = [widget["text"]["content"].splitlines()[0] for widget in widgets if "text" in widget]
    assert headings == ["## metadata", "## entitlements"]
    names = {policy["displayName"]: policy["name"] for policy in kept(cloud, "alertPolicies")}
    states = [widget["incidentList"]["policyNames"] for widget in widgets if "incidentList" in widget]
    assert states == [[names[f"{PREFIX}-metadata-busy"]], [names[f"{PREFIX}-entitlements-fails"]]]
    busy, fails = [widget["xyChart"] for widget in widgets if "xyChart" in widget]
    assert busy["thresholds"] == [{"label": "alarm", "value": 0.65}]
    assert "timeSeriesFilterRatio" in fails["dataSets"][0]["timeSeriesQuery"]


async def tiles_of(alarms: Sequence[tuple[CloudMonitoringAlarm, str]]) -> list[Any]:
    """Returns the tiles of a dashboard for the given alarms.

    The function is async because Pulumi outputs need a running event loop.
    """
    return body(PREFIX, alarms)["mosaicLayout"]["tiles"]


def test_the_dashboard_does_not_depend_on_the_order_of_alarms_and_no_tile_covers_another() -> None:
    many = [
        (replace(BUSY, name=f"{tier}-{number:03}", tier=tier, threshold=number % 5), f"projects/p/{tier}/{number}")
        for tier in get_args(Tier)
        for number in range(30)
    ]
    tiles = asyncio.run(tiles_of(many))
    covered: set[tuple[int, int]] = set()
    for tile in tiles:
        cells = {
            (tile["xPos"] + across, tile["yPos"] + down)
            for across in range(tile["width"])
            for down in range(tile["height"])
        }
        assert not cells & covered
        assert max(across for across, _ in cells) < 12
        covered |= cells
    places = [(tile["xPos"], tile["yPos"], str(tile["widget"].get("title"))) for tile in tiles]
    assert places == [
        (tile["xPos"], tile["yPos"], str(tile["widget"].get("title"))) for tile in asyncio.run(tiles_of(many[::-1]))
    ]


def test_services_on_google_cloud_have_standard_alarms(cloud: httpx.Client, watch: Watch) -> None:
    where = "docs/entitlements.md#changes-are-dead"
    follower_alarms = service_alarms(
        "follower", "entitlements", "follower", "Tokens are late", where, always_running=True
    )
    api_alarms = service_alarms("api", "entitlements", "metadata-api", "Tokens are not found", where)
    dead = dead_letter_alarm("changes", "entitlements", "dead", "Changes never reached the edge", where)
    watch(*follower_alarms, *api_alarms, dead)
    made = {policy["displayName"].removeprefix(f"{PREFIX}-"): policy for policy in kept(cloud, "alertPolicies")}
    assert set(made) == {"follower-fails", "follower-ill", "follower-gone", "api-fails", "changes-given-up"}
    looked = {name: policy["conditions"][0]["conditionThreshold"] for name, policy in made.items()}
    assert looked["api-fails"]["filter"].endswith('metric.labels.response_code_class = "5xx"')
    assert 'resource.labels.service_name = "metadata-api"' in looked["api-fails"]["denominatorFilter"]
    assert "metric.labels.is_healthy = false" in looked["follower-ill"]["filter"]
    assert looked["follower-gone"]["evaluationMissingData"] == "EVALUATION_MISSING_DATA_ACTIVE"
    assert (looked["changes-given-up"]["thresholdValue"], looked["changes-given-up"]["duration"]) == (0, "0s")
    assert 'resource.labels.subscription_id = "dead"' in looked["changes-given-up"]["filter"]


THRESHOLD = ("conditions", 0, "conditionThreshold")
FILTER = 'metric.type = "spanner.googleapis.com/instance/cpu/{metric}" AND resource.type = "{resource}" AND {label}'
HIGH = 'metric.labels.priority = "high"'
BY_PRIORITY = "utilization_by_priority"


def filtered(metric: str = BY_PRIORITY, resource: str = "spanner_instance", label: str = HIGH) -> str:
    return FILTER.format(metric=metric, resource=resource, label=label)


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ((*THRESHOLD, "filter"), filtered(metric="utilisation"), "Cannot find metric(s) that match type"),
        ((*THRESHOLD, "filter"), filtered(resource="gcs_bucket"), "not written to resource type 'gcs_bucket'"),
        ((*THRESHOLD, "filter"), filtered(label='metric.labels.prio = "high"'), "unknown label metric.labels.prio"),
        ((*THRESHOLD, "filter"), filtered(label='metric.labels.is_system = "true"'), "is of another type"),
        ((*THRESHOLD, "filter"), filtered(label="metric.labels.priority > 1"), "not emulated"),
        ((*THRESHOLD, "filter"), f'metric.type = "x" AND {HIGH}', 'must specify a restriction on "resource.type"'),
        ((*THRESHOLD, "aggregations", 0, "perSeriesAligner"), "ALIGN_DELTA", "ALIGN_DELTA is not supported"),
        ((*THRESHOLD, "aggregations", 0, "groupByFields"), ["metric.labels.prio"], "unknown label"),
        ((*THRESHOLD, "duration"), "90s", "'90s'"),
        ((*THRESHOLD, "duration"), "0s", "needs a duration"),
        ((*THRESHOLD, "comparison"), "COMPARISON_GE", "COMPARISON_GE"),
        ((*THRESHOLD, "forecastOptions"), {}, "not emulated: alert_policy.conditions[0].conditionThreshold.forecast"),
        (("documentation", "subject"), "x" * 300, "longer than 255 bytes"),
        (("notificationChannels",), ["projects/unit/notificationChannels/1"], "was not found"),
        (("userLabels",), {"Tier": "x"}, "user_labels"),
    ],
)
def test_an_alarm_that_cloud_monitoring_would_refuse_is_refused(
    cloud: httpx.Client, watch: Watch, place: tuple[str | int, ...], value: Any, says: str
) -> None:
    watch(BUSY)
    (policy,) = kept(cloud, "alertPolicies")
    body = within = {name: member for name, member in policy.items() if name not in ("name", "selfLink")}
    for name in place[:-1]:
        within = cast(Any, within)[name]
    cast(Any, within)[place[-1]] = value
    answer = cloud.post(f"monitoring/v3/projects/{PROJECT}/alertPolicies", json=body)
    assert says in answer.json()["error"]["message"]
    assert len(kept(cloud, "alertPolicies")) == 1


def test_a_channel_stays_while_a_policy_names_it(cloud: httpx.Client, watch: Watch) -> None:
    watch(BUSY, emails=("on-call@example.com",))
    (policy,), (channel,) = kept(cloud, "alertPolicies"), kept(cloud, "notificationChannels")
    assert "it is used by" in cloud.delete(f"monitoring/v3/{channel['name']}").json()["error"]["message"]
    cloud.delete(f"monitoring/v3/{policy['name']}").raise_for_status()
    cloud.delete(f"monitoring/v3/{channel['name']}").raise_for_status()
    assert kept(cloud, "notificationChannels") == []
