"""Publishes the CloudWatch metrics of each invocation of a Lambda function (Lambda Developer Guide, "Viewing metrics
for Lambda functions").
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from emulation.lambda_runtime.deployed import session
from emulation.layout import Sandbox


class Metrics:
    """Publishes the metrics of all Lambda functions, each in the function's region. A separate thread publishes the
    metrics, and callers therefore do not wait. If publishing fails, the thread passes a message to `report`.
    """

    def __init__(self, sandbox: Sandbox, report: Callable[[str], None]) -> None:
        self._endpoint = sandbox.aws_url
        self._report = report
        self._session = session()
        self._clients: dict[str, Any] = {}
        self._queue: queue.Queue[tuple[str, list[dict[str, Any]]]] = queue.Queue()
        threading.Thread(target=self._send_forever, daemon=True).start()

    def invoked(self, function: str, *, failed: bool) -> None:
        """Records one invocation of a Lambda function, and whether it failed. `function` is the function's ARN."""
        self._enqueue(function, Invocations=1, Errors=int(failed))

    def received_batch(self, function: str, seconds: float) -> None:
        """Records the age of the last stream record of a batch, in seconds, at the time when the Lambda function
        receives the batch.
        """
        self._enqueue(function, IteratorAge=max(0.0, seconds) * 1000)

    def _enqueue(self, function: str, **values: float) -> None:
        *_, region, _, _, name = function.split(":")
        dimensions = [{"Name": "FunctionName", "Value": name}]
        now = datetime.now(UTC)
        data = [
            {"MetricName": metric, "Value": value, "Dimensions": dimensions, "Timestamp": now}
            for metric, value in values.items()
        ]
        self._queue.put((region, data))

    def _send_forever(self) -> None:
        while True:
            region, data = self._queue.get()
            try:
                self._client(region).put_metric_data(Namespace="AWS/Lambda", MetricData=data)
            except (BotoCoreError, ClientError) as error:
                self._report(f"the emulated CloudWatch does not answer: {error}")

    def _client(self, region: str) -> Any:
        if region not in self._clients:
            client = self._session.client("cloudwatch", region_name=region, endpoint_url=self._endpoint)
            self._clients[region] = client
        return self._clients[region]
