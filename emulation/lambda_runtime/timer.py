"""Runs one EventBridge rule that invokes a Lambda function at a fixed rate.

Lambda queues the event of an EventBridge rule and processes the event asynchronously. A failed invocation is repeated
as often as the function's configuration says (AWS Lambda, "How Lambda handles errors and retries with asynchronous
invocation").
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from emulation.aws.clock import MINUTE_SECONDS
from emulation.lambda_runtime.instance import FunctionError
from emulation.lambda_runtime.schedules import Schedule
from emulation.layout import AWS_ACCOUNT_ID

_POLL_SECONDS = 1.0
# The number of seconds before the first retry of a failed invocation. The second retry waits twice as long.
_PAUSE = 60.0


class Timer(threading.Thread):
    """A thread that invokes a Lambda function at the rate of an EventBridge rule. As on EventBridge, the first
    invocation comes one period after the emulation has found the rule. `minute` returns how many real seconds a minute
    of the emulated AWS lasts.
    """

    def __init__(
        self,
        schedule: Schedule,
        minute: Callable[[], float],
        invoke: Callable[[str, Any], Any],
        report: Callable[[str], None],
    ) -> None:
        super().__init__(daemon=True)
        self.schedule = schedule
        self._minute = minute
        self._invoke = invoke
        self._report = report
        self._ended = threading.Event()

    def end(self) -> None:
        self._ended.set()

    def run(self) -> None:
        last = time.monotonic()
        while not self._ended.wait(_POLL_SECONDS):
            if time.monotonic() - last >= self.schedule.seconds / MINUTE_SECONDS * self._minute():
                last = time.monotonic()
                self.fire()

    def fire(self) -> None:
        schedule, name = self.schedule, self.schedule.function.rsplit(":", 1)[1]
        if not schedule.permitted:
            self._report(f"{schedule.rule} may not invoke {name}: its policy does not name the rule")
            return
        event = json.loads(schedule.input) if schedule.input else _event(schedule)
        for attempt in range(1 + schedule.retries):
            if self._ended.wait(_PAUSE * attempt):
                return
            try:
                self._invoke(schedule.function, event)
                return
            except FunctionError as error:
                self._report(f"on schedule: {error}")


def _event(schedule: Schedule) -> dict[str, Any]:
    """Returns a scheduled event in EventBridge's format (Amazon EventBridge, "AWS service event metadata")."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": AWS_ACCOUNT_ID,
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": schedule.region,
        "resources": [schedule.rule],
        "detail": {},
    }
