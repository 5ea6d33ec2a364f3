"""Builds the CloudWatch dashboard. A row for each tier (a part of the network, such as the DNS) shows the state of its
alarms, and graphs of their metrics.

The JSON has the form of CloudWatch's "Dashboard body structure and syntax". The grid is 24 columns wide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, get_args

import pulumi

from infra.observability import CloudWatchAlarm, Tier

# The definition of an alarm, together with the alarm's ARN in CloudWatch.
Made = tuple[CloudWatchAlarm, pulumi.Input[str]]

_COLUMNS = 24
_GRAPH = (8, 6)  # the width of a graph in grid columns and its height in grid rows; three graphs fit side by side
_HEADING_ROWS = 1
_STATE_ROWS = 3
_ALARMS_A_WIDGET = 100  # the maximum number of alarms that one widget of a CloudWatch dashboard shows


def body(alarms: Sequence[Made]) -> Mapping[str, Any]:
    """Returns the JSON body of the CloudWatch dashboard. The body does not depend on the order of the alarms."""
    widgets: list[Mapping[str, Any]] = []
    top = 0
    for tier in get_args(Tier):
        of_tier = sorted((made for made in alarms if made[0].tier == tier), key=lambda made: made[0].name)
        if of_tier:
            row, top = _row(tier, of_tier, top)
            widgets += row
    return {"widgets": widgets}


def _row(tier: str, alarms: Sequence[Made], top: int) -> tuple[list[Mapping[str, Any]], int]:
    """Returns the dashboard widgets of one tier (a part of the network, such as the DNS). The first of them is in the
    dashboard's grid row `top`. Also returns the number of the next free grid row.
    """
    heading = f"## {tier}\n" + ", ".join(sorted({alarm.runbook for alarm, _ in alarms}))
    widgets = [_widget("text", 0, top, (_COLUMNS, _HEADING_ROWS), {"markdown": heading})]
    top += _HEADING_ROWS
    for first in range(0, len(alarms), _ALARMS_A_WIDGET):
        arns = [arn for _, arn in alarms[first : first + _ALARMS_A_WIDGET]]
        widgets.append(_widget("alarm", 0, top, (_COLUMNS, _STATE_ROWS), {"title": f"{tier}: alarms", "alarms": arns}))
        top += _STATE_ROWS
    width, height = _GRAPH
    graphs = list(_graphs([alarm for alarm, _ in alarms]))
    for number, graph in enumerate(graphs):
        down, across = divmod(number, _COLUMNS // width)
        widgets.append(_widget("metric", across * width, top + down * height, _GRAPH, graph))
    return widgets, top + height * -(-len(graphs) // (_COLUMNS // width))


def _graphs(alarms: Iterable[CloudWatchAlarm]) -> Iterable[Mapping[str, Any]]:
    """Yields one dashboard graph for all alarms with the same metric, region, statistic, period and threshold. A line
    in the graph marks the threshold.
    """

    def metric(alarm: CloudWatchAlarm) -> tuple[str, str, str, str, int, float]:
        return alarm.namespace, alarm.metric, alarm.region, alarm.statistic, alarm.period, alarm.threshold

    for (namespace, name, region, statistic, period, threshold), same in groupby(sorted(alarms, key=metric), metric):
        lines: list[list[Any]] = []
        for alarm in same:
            dimensions = [part for pair in sorted(alarm.dimensions.items()) for part in pair]
            lines.append([namespace, name, *dimensions, {"label": alarm.name}])
        yield {
            "title": f"{name}, {region}",
            "view": "timeSeries",
            "region": region,
            "stat": statistic,
            "period": period,
            "metrics": lines,
            "annotations": {"horizontal": [{"label": "alarm", "value": threshold}]},
        }


def _widget(
    kind: str, across: int, down: int, size: tuple[int, int], properties: Mapping[str, Any]
) -> Mapping[str, Any]:
    width, height = size
    return {"type": kind, "x": across, "y": down, "width": width, "height": height, "properties": properties}
