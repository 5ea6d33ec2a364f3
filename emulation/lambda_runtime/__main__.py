"""Runs the Lambda functions of one sandbox until the process is ended: `python -m emulation.lambda_runtime --directory
DIR`."""

from __future__ import annotations

import threading
import time
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError
from werkzeug.serving import make_server

from emulation.aws import clock
from emulation.lambda_runtime.deployed import Deployed, Functions
from emulation.lambda_runtime.feed import Feed
from emulation.lambda_runtime.instance import FunctionError, Instance
from emulation.lambda_runtime.metrics import Metrics
from emulation.lambda_runtime.roles import Roles
from emulation.lambda_runtime.schedules import Schedule
from emulation.lambda_runtime.timer import Timer
from emulation.lambda_runtime.urls import create_app
from emulation.layout import FUNCTIONS_PORT, RUN_PORT, Sandbox
from emulation.log import NoRequestLog, report

_POLL_SECONDS = 1.0


class Runner:
    """Makes the emulated Lambda runtime run exactly the functions that are deployed in the emulated AWS. Starts and
    stops their instances, stream readers, schedules and URLs.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        # The deployed functions are read every second, and each read reports the same problems again. `cache`
        # (functools) lets only the first report of a message through, so each problem appears only once in the log.
        self._functions = Functions(sandbox, cache(report))
        self._metrics = Metrics(sandbox, report)
        self._deployed = Deployed({}, {}, {}, frozenset())
        self._roles = Roles(sandbox)
        self._instances: dict[str, Instance] = {}
        self._feeds: dict[str, Feed] = {}
        self._timers: dict[Schedule, Timer] = {}
        self._lock = threading.Lock()

    def reconcile(self) -> None:
        before, self._deployed = self._deployed, self._functions.deployed()
        for arn, code in self._deployed.functions.items():
            if before.functions.get(arn, code) != code:
                report(f"{code.name} has new code or new settings")
        for identity, feed in list(self._feeds.items()):
            if self._deployed.mappings.get(identity) != feed.mapping or not feed.is_alive():
                feed.end()
                feed.join()
                del self._feeds[identity]
        for mapping in self._deployed.mappings.values():
            if mapping.id not in self._feeds:
                report(f"{mapping.function.rsplit(':', 1)[1]} is fed from {mapping.stream.split('/')[1]}")
                self._feeds[mapping.id] = Feed(self._sandbox, mapping, self.invoke, self._metrics, report)
                self._feeds[mapping.id].start()
        self._reconcile_timers()

    def _reconcile_timers(self) -> None:
        for schedule in self._timers.keys() - self._deployed.schedules:
            self._timers.pop(schedule).end()
        for schedule in self._deployed.schedules - self._timers.keys():
            report(f"{schedule.function.rsplit(':', 1)[1]} is invoked every {schedule.seconds} s")
            self._timers[schedule] = Timer(schedule, self._minute, self.invoke, report)
            self._timers[schedule].start()

    def _minute(self) -> float:
        """Returns how many real seconds a minute of the emulated AWS lasts. If the emulated AWS does not answer,
        returns 60.
        """
        try:
            return clock.minute_seconds(self._sandbox.aws_url)
        except httpx.HTTPError:
            return clock.MINUTE_SECONDS

    def invoke(self, function: str, event: Any) -> Any:
        """Invokes a Lambda function, records the metrics of the invocation and returns the function's result. Raises
        FunctionError if the function fails.
        """
        instance = self._instance(function)
        failed = True
        try:
            answer = instance.invoke(event)
            failed = False
        finally:
            self._metrics.invoked(function, failed=failed)
        return answer

    def function_of(self, host: str) -> str | None:
        return self._deployed.urls.get(host)

    def _instance(self, function: str) -> Instance:
        with self._lock:
            code = self._deployed.functions.get(function)
            if code is None:
                raise FunctionError(f"{function} does not exist")
            instance = self._instances.get(function)
            if instance is None or instance.code != code:
                if instance is not None:
                    instance.stop()
                instance = self._instances[function] = Instance(self._sandbox, code, self._roles.credentials)
            return instance


def main(directory: Annotated[Path, typer.Option(help="the sandbox's directory")]) -> None:
    sandbox = Sandbox(directory=directory.resolve())
    runner = Runner(sandbox)
    application = create_app(runner.function_of, runner.invoke, f"http://{sandbox.run_address}:{RUN_PORT}")
    server = make_server(
        sandbox.functions_address, FUNCTIONS_PORT, application, threaded=True, request_handler=NoRequestLog
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        try:
            runner.reconcile()
        except (BotoCoreError, ClientError, httpx.HTTPError) as error:
            report(f"the emulated Lambda does not answer: {error}")
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    typer.run(main)
