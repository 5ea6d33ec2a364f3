"""What Route 53 tells CloudWatch of its health checks ("Monitoring health checks using CloudWatch")."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

import boto3

from emulation.aws.clock import minute_seconds

_REGION = "us-east-1"
_AT_ONCE = 1000  # metrics a request (Amazon CloudWatch, "PutMetricData")


class HealthMetrics:
    """Twice in each of CloudWatch's minutes, however long these last. One checker looks from everywhere here, so that
    all or none of the checkers find an endpoint healthy."""

    def __init__(self, url: str) -> None:
        self._url = url
        session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=_REGION)  # noqa: S106
        self._client: Any = cast(Any, session).client("cloudwatch", endpoint_url=url)
        self._told = 0.0

    def tell(self, healthy: Mapping[str, bool]) -> None:
        """By the check's id. Raises the errors of botocore and httpx."""
        minute = minute_seconds(self._url)
        if time.monotonic() - self._told < minute / 2 or not healthy:
            return
        self._told = time.monotonic()
        data = [
            {"MetricName": metric, "Value": most * good, "Dimensions": [{"Name": "HealthCheckId", "Value": id}]}
            for id, good in healthy.items()
            for metric, most in (("HealthCheckStatus", 1.0), ("HealthCheckPercentageHealthy", 100.0))
        ]
        for start in range(0, len(data), _AT_ONCE):
            self._client.put_metric_data(Namespace="AWS/Route53", MetricData=data[start : start + _AT_ONCE])
