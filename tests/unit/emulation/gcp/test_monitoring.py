"""Tests the resources of the emulated Cloud Monitoring. `pulumi refresh` must report a resource if the resource was
changed, and only then.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pulumi_gcp as gcp
import pytest

from emulation.gcp import in_process
from emulation.providers.gcp import handlers
from emulation.providers.handler import Handler, Properties

PROJECT = "unit"
METRIC = "custom.googleapis.com/artifact_edge/purge_lag"
DESCRIPTOR: Properties = {
    "project": PROJECT,
    "type": METRIC,
    "metricKind": "GAUGE",
    "valueType": "DOUBLE",
    "unit": "s",
    "labels": [{"key": "environment", "valueType": "STRING"}],
}
CHANNEL: Properties = {
    "project": PROJECT,
    "type": "email",
    "displayName": "on call",
    "labels": {"email_address": "on-call@example.com"},
    "userLabels": {"owner": "platform"},
}
POLICY: Properties = {
    "project": PROJECT,
    "displayName": "purge-lag",
    "combiner": "OR",
    "conditions": [
        {
            "displayName": "purge-lag",
            "conditionThreshold": {
                "filter": f'metric.type = "{METRIC}" AND resource.type = "global"',
                "aggregations": [{"alignmentPeriod": "60s", "perSeriesAligner": "ALIGN_MAX"}],
                "comparison": "COMPARISON_GT",
                "thresholdValue": 120,
                "duration": "300s",
            },
        }
    ],
    "severity": "ERROR",
    "userLabels": {"tier": "registry"},
}
DASHBOARD: Properties = {
    "project": PROJECT,
    "dashboardJson": json.dumps({"displayName": "x", "mosaicLayout": {"columns": 12, "tiles": []}}, indent=1),
}


@pytest.fixture
def cloud(tmp_path: Path) -> httpx.Client:
    return in_process.client(tmp_path)


def handler(cloud: httpx.Client, resource: type) -> Handler:
    return next(each for each in handlers(lambda: cloud) if each.resource is resource)


@pytest.mark.parametrize(
    ("resource", "inputs", "change"),
    [
        (gcp.monitoring.MetricDescriptor, DESCRIPTOR, None),
        (gcp.monitoring.NotificationChannel, CHANNEL, {"displayName": "night shift"}),
        (gcp.monitoring.AlertPolicy, POLICY, {"severity": "CRITICAL", "enabled": False}),
        (gcp.monitoring.Dashboard, DASHBOARD, {"dashboardJson": DASHBOARD["dashboardJson"].replace('"x"', '"y"')}),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_resource_shows_no_drift_and_can_be_changed_and_deleted(
    cloud: httpx.Client, resource: Any, inputs: Properties, change: Properties | None
) -> None:
    if resource is gcp.monitoring.AlertPolicy:
        handler(cloud, gcp.monitoring.MetricDescriptor).create(DESCRIPTOR)
    tested = handler(cloud, resource)
    created = tested.create(inputs)
    assert created.id.startswith(f"projects/{PROJECT}/")
    assert inputs.items() <= created.outputs.items()
    assert tested.read(created.id, created.outputs) == created.outputs
    if change is not None:
        wanted = {**inputs, **change}
        changed = tested.update(created.id, created.outputs, wanted)
        assert wanted.items() <= changed.items()
        assert tested.read(created.id, changed) == changed
    tested.delete(created.id, created.outputs)
    assert tested.read(created.id, created.outputs) is None
    tested.delete(created.id, created.outputs)


def test_drift_is_reported(cloud: httpx.Client) -> None:
    handler(cloud, gcp.monitoring.MetricDescriptor).create(DESCRIPTOR)
    policies, dashboards = handler(cloud, gcp.monitoring.AlertPolicy), handler(cloud, gcp.monitoring.Dashboard)
    policy, dashboard = policies.create(POLICY), dashboards.create(DASHBOARD)
    off = {name: value for name, value in {**POLICY, "enabled": False}.items() if name != "project"}
    cloud.patch(f"monitoring/v3/{policy.id}", json=off).raise_for_status()
    emptied: Properties = {"displayName": "emptied", "mosaicLayout": {"columns": 1, "tiles": []}}
    cloud.patch(f"monitoring/v1/{dashboard.id}", json=emptied).raise_for_status()
    seen, shown = policies.read(policy.id, policy.outputs), dashboards.read(dashboard.id, dashboard.outputs)
    assert seen is not None and shown is not None
    assert seen["enabled"] is False
    assert json.loads(shown["dashboardJson"]) == emptied
