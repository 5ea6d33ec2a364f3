"""Builds the Cloud Monitoring dashboard. A row for each tier (a part of the network, such as the DNS) shows its alarms,
and graphs of their metrics.

The JSON has the form of the Dashboards API (REST reference, "projects.dashboards"). The grid is 12 columns wide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, get_args

import pulumi

from infra.observability import CloudMonitoringAlarm, Tier
from infra.observability.cloud_monitoring_filters import everything, narrowed

# The definition of an alarm, together with the full name of the alarm's alerting policy in Cloud Monitoring.
Made = tuple[CloudMonitoringAlarm, pulumi.Input[str]]

_COLUMNS = 12
_GRAPH = (4, 4)  # the width of a graph in grid columns and its height in grid rows; three graphs fit side by side
_HEADING_ROWS = 1
_STATE_ROWS = 3


def body(title: str, alarms: Sequence[Made]) -> Mapping[str, Any]:
    """Returns the JSON body of the Cloud Monitoring dashboard. The body does not depend on the order of the alarms."""
    tiles: list[Mapping[str, Any]] = []
    top = 0
    for tier in get_args(Tier):
        of_tier = sorted((made for made in alarms if made[0].tier == tier), key=lambda made: made[0].name)
        if of_tier:
            row, top = _row(tier, of_tier, top)
            tiles += row
    return {"displayName": title, "mosaicLayout": {"columns": _COLUMNS, "tiles": tiles}}


def _row(tier: str, alarms: Sequence[Made], top: int) -> tuple[list[Mapping[str, Any]], int]:
    """Returns the dashboard tiles of one tier (a part of the network, such as the DNS). The first of the tiles is in
    the dashboard's grid row `top`. Also returns the number of the next free grid row.
    """
    heading = f"## {tier}\n" + ", ".join(sorted({alarm.runbook for alarm, _ in alarms}))
    tiles = [_tile(0, top, (_COLUMNS, _HEADING_ROWS), {"text": {"content": heading, "format": "MARKDOWN"}})]
    top += _HEADING_ROWS
    state = {"title": f"{tier}: alarms", "incidentList": {"policyNames": [policy for _, policy in alarms]}}
    tiles.append(_tile(0, top, (_COLUMNS, _STATE_ROWS), state))
    top += _STATE_ROWS
    width, height = _GRAPH
    graphs = list(_graphs([alarm for alarm, _ in alarms]))
    for number, graph in enumerate(graphs):
        down, across = divmod(number, _COLUMNS // width)
        tiles.append(_tile(across * width, top + down * height, _GRAPH, graph))
    return tiles, top + height * -(-len(graphs) // (_COLUMNS // width))


def _graphs(alarms: Iterable[CloudMonitoringAlarm]) -> Iterable[Mapping[str, Any]]:
    """Yields one dashboard graph for all alarms with the same metric and the same threshold. A line in the graph marks
    the threshold.
    """

    def metric(alarm: CloudMonitoringAlarm) -> tuple[str, bool, float]:
        return alarm.metric, alarm.bad is not None, alarm.threshold

    for (name, share, threshold), same in groupby(sorted(alarms, key=metric), metric):
        lines = [_line(alarm) for alarm in same]
        title = name.split("/", 1)[1] + (" (share)" if share else "")
        yield {"title": title, "xyChart": {"dataSets": lines, "thresholds": [{"label": "alarm", "value": threshold}]}}


def _line(alarm: CloudMonitoringAlarm) -> Mapping[str, Any]:
    how = {
        "alignmentPeriod": f"{alarm.period}s",
        "perSeriesAligner": alarm.aligner,
        "crossSeriesReducer": alarm.reducer,
        "groupByFields": list(alarm.by),
    }
    bad = {"filter": narrowed(alarm), "aggregation": how}
    every = {"filter": everything(alarm), "aggregation": how}
    looked = {"timeSeriesFilterRatio": {"numerator": bad, "denominator": every}} if alarm.bad else None
    query = looked or {"timeSeriesFilter": bad}
    return {"timeSeriesQuery": query, "plotType": "LINE", "targetAxis": "Y1", "legendTemplate": alarm.name}


def _tile(across: int, down: int, size: tuple[int, int], widget: Mapping[str, Any]) -> Mapping[str, Any]:
    width, height = size
    return {"xPos": across, "yPos": down, "width": width, "height": height, "widget": widget}
