"""Reports custom metrics to CloudWatch, for the alarms of infra/publishing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import boto3

from contract.metrics import EDGE_CERTIFICATE_DAYS, GIVEN_UP, NAMESPACE, PUBLISH_TO_VISIBLE, PURGE_LAG

# The maximum number of metrics in one request (Amazon CloudWatch, "PutMetricData").
_AT_ONCE = 1000


class CloudWatch:
    """Reports an environment's custom metrics to CloudWatch. Uses the stack's home region, because the alarms are
    there.
    """

    def __init__(self, environment: str, region: str) -> None:
        self._environment = environment
        self._client = cast(Any, boto3).client("cloudwatch", region_name=region)

    def purges(self, lag: float, given_up: int) -> None:
        """Reports metrics of changes that have not reached readers yet.

        `lag` is the age in seconds of the oldest undelivered change, or 0 if all changes are delivered. `given_up` is
        the number of changes that the outbox relay (the function that delivers changes) no longer retries, because
        their delivery failed too often. An operator must repair the cause, and then run `registry purges retry`.
        """
        self._put([self._datum(PURGE_LAG, lag, {}), self._datum(GIVEN_UP, given_up, {}, "Count")])

    def edge_certificate(self, days: float) -> None:
        """Reports the number of days until the edge's client certificate expires."""
        self._put([self._datum(EDGE_CERTIFICATE_DAYS, days, {}, "None")])

    def publish_to_visible(self, seconds: Mapping[tuple[str, str], float]) -> None:
        """Reports the seconds from the commit of a change until each origin bucket, shield or edge served it.

        A key of `seconds` is a pair: the tier (`origin`, `shield` or `edge`), and the name of the bucket, shield
        (regional cache) or edge. Both become dimensions of the metric. Also reports the maximum of all values, without
        these dimensions.
        """
        each = [
            self._datum(PUBLISH_TO_VISIBLE, value, {"Tier": tier, "Place": place})
            for (tier, place), value in seconds.items()
        ]
        self._put([*each, self._datum(PUBLISH_TO_VISIBLE, max(seconds.values()), {})])

    def _datum(self, name: str, value: float, dimensions: Mapping[str, str], unit: str = "Seconds") -> dict[str, Any]:
        named = {"Environment": self._environment, **dimensions}
        return {
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in named.items()],
            "Unit": unit,
            "Value": value,
        }

    def _put(self, data: list[dict[str, Any]]) -> None:
        for start in range(0, len(data), _AT_ONCE):
            self._client.put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + _AT_ONCE])
