"""Sends the metrics of Route 53 health checks to CloudWatch (Route 53 Developer Guide, "Monitoring health checks using
CloudWatch").
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

import boto3

from emulation.aws.clock import minute_seconds

_REGION = "us-east-1"
_AT_ONCE = 1000  # The maximum number of metrics in one request to CloudWatch (Amazon CloudWatch, "PutMetricData").


class HealthMetrics:
    """Sends the state of all Route 53 health checks to CloudWatch, twice in a minute of the emulated AWS. Tests can
    make this minute shorter.

    The sandbox has one health checker. The percentage of health checkers that find an endpoint healthy is therefore 0
    or 100.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=_REGION)  # noqa: S106
        self._client: Any = cast(Any, session).client("cloudwatch", endpoint_url=url)
        self._published = 0.0

    def publish(self, healthy: Mapping[str, bool]) -> None:
        """Sends the state of each Route 53 health check to CloudWatch, at most twice in an emulated minute. `healthy`
        maps the id of each health check to its state.

        Raises botocore and httpx errors when the emulated AWS does not answer.
        """
        minute = minute_seconds(self._url)
        if time.monotonic() - self._published < minute / 2 or not healthy:
            return
        self._published = time.monotonic()
        data = [
            {"MetricName": metric, "Value": most * good, "Dimensions": [{"Name": "HealthCheckId", "Value": id}]}
            for id, good in healthy.items()
            for metric, most in (("HealthCheckStatus", 1.0), ("HealthCheckPercentageHealthy", 100.0))
        ]
        for start in range(0, len(data), _AT_ONCE):
            self._client.put_metric_data(Namespace="AWS/Route53", MetricData=data[start : start + _AT_ONCE])
