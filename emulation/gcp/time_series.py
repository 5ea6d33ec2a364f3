"""Stores the values of Cloud Monitoring's user-defined metrics in memory. A restart of the emulated Google Cloud
discards the values."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from emulation.gcp.catalog import Json, Refused
from emulation.gcp.metric_filters import Descriptors, Filter, parse
from emulation.gcp.metric_types import OWN_RESOURCES, RESOURCES
from emulation.gcp.shapes import each, number, one_of, shape, text, texts

_AT_ONCE = 200  # The maximum number of time series in one write request (Cloud Monitoring, "Quotas and limits").
_SERIES = shape(
    {
        "metric": shape({"type": text}, {"labels": texts}),
        "resource": shape({"type": one_of(*sorted(OWN_RESOURCES)), "labels": texts}),
        "points": each(
            shape(
                {
                    "interval": shape({"endTime": text}, {"startTime": text}),
                    "value": shape({"doubleValue": number}),
                }
            )
        ),
    },
    {"metricKind": one_of("GAUGE"), "valueType": one_of("DOUBLE"), "unit": text},
)
_REQUEST = shape({"timeSeries": each(_SERIES)})

Labels = frozenset[tuple[str, str]]


@dataclass
class _Series:
    metric: Json
    resource: Json
    points: list[Json] = field(default_factory=list[Json])


class TimeSeries:
    """The time series of Cloud Monitoring in all projects. Each series keeps its values in order of time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[tuple[str, str, Labels, Labels], _Series] = {}

    def write(self, project: str, body: Json, own: Descriptors) -> None:
        """Appends one value to each time series in a Cloud Monitoring request. If one of the values is invalid, raises
        Refused and stores no value.
        """
        _REQUEST(body, "request")
        given = cast(list[Json], body["timeSeries"])
        if not 0 < len(given) <= _AT_ONCE:
            raise Refused(400, f"Field timeSeries must hold 1 to {_AT_ONCE} series")
        with self._lock:
            for place, series in enumerate(given):
                self._check(project, series, own, f"timeSeries[{place}]")
            for series in given:
                self._series_of(project, series).points.append(series["points"][0])

    def read(self, project: str, arguments: Mapping[str, str], own: Descriptors) -> list[Json]:
        """Returns the time series that the arguments select, as the Cloud Monitoring API method `timeSeries.list` does.
        The newest value of a series comes first. Raises Refused for invalid arguments.
        """
        unknown = arguments.keys() - {"filter", "interval.startTime", "interval.endTime"}
        if unknown:
            raise Refused(501, f"not emulated: {', '.join(sorted(unknown))} of timeSeries.list")
        selected = parse(arguments.get("filter", ""), own, "filter")
        since, until = (
            _parsed_time(arguments.get("interval.startTime", "")),
            _parsed_time(arguments.get("interval.endTime", "")),
        )
        with self._lock:
            chosen = [kept for (of, *_), kept in self._series.items() if of == project and _matches(kept, selected)]
            answer: list[Json] = []
            for kept in chosen:
                points = [point for point in reversed(kept.points) if since <= _end_time(point) <= until]
                if points:
                    answer.append({"metric": kept.metric, "resource": kept.resource, "points": points})
            return answer

    def _check(self, project: str, series: Json, own: Descriptors, where: str) -> None:
        metric, resource = series["metric"], series["resource"]
        known = own.get(metric["type"])
        if known is None:
            raise Refused(501, f"not emulated: a value of {metric['type']!r}, which has no descriptor")
        labels = metric.get("labels", {}).keys() - known.labels
        if labels:
            raise Refused(400, f"Field {where}.metric.labels had an invalid value: unrecognized {sorted(labels)[0]}")
        if resource["labels"].keys() - RESOURCES[resource["type"]]:
            raise Refused(400, f"Field {where}.resource.labels had an invalid value: unrecognized label")
        if len(series["points"]) != 1:
            raise Refused(400, f"Field {where}.points must hold exactly one point")
        before = self._series_of(project, series).points
        if before and _end_time(series["points"][0]) <= _end_time(before[-1]):
            raise Refused(400, "One or more TimeSeries could not be written: Points must be written in order")

    def _series_of(self, project: str, series: Json) -> _Series:
        metric, resource = series["metric"], series["resource"]
        key = project, metric["type"], _labels(metric), _labels(resource)
        return self._series.setdefault(key, _Series(metric, resource))


def _matches(series: _Series, selected: Filter) -> bool:
    types = series.metric["type"], series.resource["type"]
    return types == (selected.metric, selected.resource) and selected.finds(
        series.metric.get("labels", {}), series.resource["labels"]
    )


def _labels(owner: Json) -> Labels:
    return frozenset(cast(dict[str, str], owner.get("labels", {})).items())


def _end_time(point: Json) -> datetime:
    return _parsed_time(point["interval"]["endTime"])


def _parsed_time(stated: str) -> datetime:
    try:
        return datetime.fromisoformat(stated)
    except ValueError:
        raise Refused(400, f"Invalid value: {stated!r} is not a time") from None
