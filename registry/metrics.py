"""What the registry tells CloudWatch, for the alarms of infra/registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import boto3

from infra.registry import NAMESPACE, PUBLISH_TO_VISIBLE, PURGE_LAG
from registry.target import Target

_AT_ONCE = 1000  # metrics a request (Amazon CloudWatch, "PutMetricData")


def purge_lag(target: Target, seconds: float) -> None:
    """The age of the oldest change that is not with the readers yet; 0 where there is none."""
    _put(target, [_datum(target, PURGE_LAG, seconds, {})])


def publish_to_visible(target: Target, seconds: Mapping[tuple[str, str], float]) -> None:
    """From the commit to the first time that a place showed it, by tier and place; and the slowest of all."""
    each = [
        _datum(target, PUBLISH_TO_VISIBLE, value, {"Tier": tier, "Place": place})
        for (tier, place), value in seconds.items()
    ]
    _put(target, [*each, _datum(target, PUBLISH_TO_VISIBLE, max(seconds.values()), {})])


def _datum(target: Target, name: str, seconds: float, dimensions: Mapping[str, str]) -> dict[str, Any]:
    named = {"Environment": target.environment, **dimensions}
    return {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in named.items()],
        "Unit": "Seconds",
        "Value": seconds,
    }


def _put(target: Target, data: list[dict[str, Any]]) -> None:
    if target.metadata.backend != "dynamodb":
        return  # no AWS, no CloudWatch: infra/registry makes no alarms then
    client = cast(Any, boto3).client("cloudwatch", region_name=target.metadata.region)
    for start in range(0, len(data), _AT_ONCE):
        client.put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + _AT_ONCE])
