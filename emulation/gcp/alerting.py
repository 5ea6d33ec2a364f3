"""Checks requests that create or change resources of Cloud Monitoring: alerting policies, notification channels,
metrics and dashboards (REST references v3 and v1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from emulation.gcp.catalog import Json, Refused
from emulation.gcp.metric_filters import Descriptors, Filter, check_label, parse
from emulation.gcp.metric_types import ALIGNERS, reduces
from emulation.gcp.shapes import each, flag, number, one_of, seconds, shape, text, texts

_DAY = 86_400
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_MOST_SUBJECT = 255  # The maximum length, in bytes, of the subject of notifications from an alerting policy.

_AGGREGATION = shape(
    {"alignmentPeriod": seconds(60, 104 * 7 * _DAY), "perSeriesAligner": text},
    {"crossSeriesReducer": text, "groupByFields": each(text)},
)
_THRESHOLD = shape(
    {
        "filter": text,
        "aggregations": each(_AGGREGATION),
        # The only comparisons with a threshold that Cloud Monitoring accepts in an alerting policy are "greater" and
        # "less".
        "comparison": one_of("COMPARISON_GT", "COMPARISON_LT"),
        "thresholdValue": number,
        "duration": seconds(0, _DAY),
    },
    {
        "denominatorFilter": text,
        "denominatorAggregations": each(_AGGREGATION),
        "evaluationMissingData": one_of(
            "EVALUATION_MISSING_DATA_INACTIVE", "EVALUATION_MISSING_DATA_ACTIVE", "EVALUATION_MISSING_DATA_NO_OP"
        ),
    },
)
_POLICY = shape(
    {
        "displayName": text,
        "combiner": one_of("OR", "AND"),
        "conditions": each(shape({"displayName": text, "conditionThreshold": _THRESHOLD})),
    },
    {
        "documentation": shape({"content": text}, {"mimeType": one_of("text/markdown"), "subject": text}),
        "severity": one_of("CRITICAL", "ERROR", "WARNING"),
        "notificationChannels": each(text),
        "alertStrategy": shape(
            {},
            {
                "autoClose": seconds(1800, 7 * _DAY, 1),
                "notificationPrompts": each(one_of("OPENED", "CLOSED")),
            },
        ),
        "userLabels": texts,
        "enabled": flag,
    },
)
_CHANNEL = shape(
    {"type": one_of("email"), "labels": shape({"email_address": text})},
    {"displayName": text, "userLabels": texts, "enabled": flag, "description": text},
)
_DESCRIPTOR = shape(
    {"type": text, "metricKind": one_of("GAUGE"), "valueType": one_of("DOUBLE")},
    {
        "displayName": text,
        "description": text,
        "unit": text,
        "labels": each(shape({"key": text}, {"valueType": one_of("STRING"), "description": text})),
    },
)
_QUERY = shape({"filter": text, "aggregation": _AGGREGATION})
_LOOKED = shape(
    {},
    {"timeSeriesFilter": _QUERY, "timeSeriesFilterRatio": shape({"numerator": _QUERY, "denominator": _QUERY})},
)
_CHART = shape(
    {
        "dataSets": each(
            shape(
                {"timeSeriesQuery": _LOOKED},
                {"plotType": one_of("LINE"), "targetAxis": one_of("Y1"), "legendTemplate": text},
            )
        )
    },
    {"thresholds": each(shape({"value": number}, {"label": text}))},
)
_WIDGET = shape(
    {},
    {
        "title": text,
        "text": shape({"content": text}, {"format": one_of("MARKDOWN", "RAW")}),
        "incidentList": shape({"policyNames": each(text)}),
        "xyChart": _CHART,
    },
)
_TILE = shape({"width": number, "height": number, "widget": _WIDGET}, {"xPos": number, "yPos": number})
_DASHBOARD = shape({"displayName": text, "mosaicLayout": shape({"columns": number, "tiles": each(_TILE)})})


def check_policy(body: Json, own: Descriptors) -> None:
    """Raises Refused for an alerting policy that Cloud Monitoring would refuse, or that is not emulated."""
    _POLICY(body, "alert_policy")
    _check_user_labels(body, "alert_policy")
    subject = str(body.get("documentation", {}).get("subject", ""))
    if len(subject.encode()) > _MOST_SUBJECT:
        raise Refused(400, f"Field alert_policy.documentation.subject is longer than {_MOST_SUBJECT} bytes")
    for place, condition in enumerate(cast(list[Json], body["conditions"])):
        _check_threshold(condition["conditionThreshold"], own, f"alert_policy.conditions[{place}].condition_threshold")


def check_channel(body: Json, own: Descriptors) -> None:
    _CHANNEL(body, "notification_channel")
    _check_user_labels(body, "notification_channel")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", body["labels"]["email_address"]):
        raise Refused(400, "Field notification_channel.labels['email_address'] had an invalid value")


def check_descriptor(body: Json, own: Descriptors) -> None:
    _DESCRIPTOR(body, "metric_descriptor")
    if not re.fullmatch(r"custom\.googleapis\.com/[A-Za-z0-9_/.]{1,100}", body["type"]):
        raise Refused(400, f"Field metric_descriptor.type had an invalid value of {body['type']!r}")


def check_dashboard(body: Json, own: Descriptors) -> None:
    _DASHBOARD(body, "dashboard")
    for query in _widget_queries(body["mosaicLayout"]["tiles"]):
        _check_aggregation(parse(query["filter"], own, "filter"), query["aggregation"], "aggregation")


def _widget_queries(tiles: list[Json]) -> Iterator[Json]:
    for tile in tiles:
        for line in tile["widget"].get("xyChart", {}).get("dataSets", []):
            looked = line["timeSeriesQuery"]
            yield from looked.get("timeSeriesFilterRatio", {"": looked.get("timeSeriesFilter")}).values()


def _check_threshold(threshold: Json, own: Descriptors, where: str) -> None:
    found = parse(threshold["filter"], own, f"{where}.filter")
    for aggregation in cast(list[Json], threshold["aggregations"]):
        _check_aggregation(found, aggregation, f"{where}.aggregations")
    divided = "denominatorFilter" in threshold
    if divided != ("denominatorAggregations" in threshold):
        raise Refused(400, f"Field {where}: denominator_filter and denominator_aggregations require each other")
    if divided:
        whole = parse(threshold["denominatorFilter"], own, f"{where}.denominator_filter")
        for aggregation in cast(list[Json], threshold["denominatorAggregations"]):
            _check_aggregation(whole, aggregation, f"{where}.denominator_aggregations")
        if _periods(threshold["aggregations"]) != _periods(threshold["denominatorAggregations"]):
            raise Refused(400, f"Field {where}: both aggregations must have the same alignment period")
    if "evaluationMissingData" in threshold and threshold["duration"] == "0s":
        raise Refused(400, f"Field {where}.evaluation_missing_data needs a duration of at least 60s")


def _check_aggregation(found: Filter, aggregation: Json, where: str) -> None:
    aligner, reducer = aggregation["perSeriesAligner"], aggregation.get("crossSeriesReducer", "REDUCE_NONE")
    if aligner not in ALIGNERS:
        raise Refused(501, f"not emulated: the aligner {aligner}")
    kinds, values = ALIGNERS[aligner]
    if found.type.kind not in kinds or found.type.value not in values:
        kind = f"{found.type.kind} and value type {found.type.value}"
        raise Refused(400, f"The aggregation {aligner} is not supported for metrics with kind {kind} ({where})")
    value = "DOUBLE" if aligner == "ALIGN_FRACTION_TRUE" else found.type.value
    if not reduces(reducer, value):
        raise Refused(400, f"The reducer {reducer} is not supported for value type {value} ({where})")
    if value == "DISTRIBUTION" and reducer != "REDUCE_PERCENTILE_99":
        raise Refused(400, f"{where}: a distribution cannot be compared with a threshold")
    fields = cast(list[str], aggregation.get("groupByFields", []))
    if fields and reducer == "REDUCE_NONE":
        raise Refused(400, f"Field {where}.group_by_fields needs a reducer")
    for field in fields:
        check_label(field, found, f"{where}.group_by_fields")


def _periods(aggregations: Any) -> list[str]:
    return [aggregation["alignmentPeriod"] for aggregation in aggregations]


def _check_user_labels(body: Json, where: str) -> None:
    for key, value in cast(dict[str, str], body.get("userLabels", {})).items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise Refused(400, f"Field {where}.user_labels had an invalid value: {key}={value}")
