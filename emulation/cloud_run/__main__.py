"""Runs the Cloud Run services of one sandbox (a set of emulated clouds) until the process is ended: `python -m
emulation.cloud_run --directory DIR`.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
from flask import Flask, Response, request
from werkzeug.serving import make_server

from emulation.cloud_run.service import HTTP, Deployed, Instance, NotStarted, deployed
from emulation.layout import RUN_PORT, Sandbox
from emulation.log import NoRequestLog, report

_POLL_SECONDS = 0.5
_HOP_BY_HOP = frozenset({"connection", "content-length", "date", "host", "server", "transfer-encoding"})


class Runner:
    """Starts and ends instances of Cloud Run services. A service with a minimum number of instances always has one
    instance. The instance of any other service starts with the first request to the service.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._services: dict[str, Deployed] = {}
        self._instances: dict[str, Instance] = {}
        self._failed_probes: dict[str, int] = {}
        self._probed: dict[str, float] = {}
        self._lock = threading.RLock()

    def reconcile(self) -> None:
        services = deployed(self._sandbox)
        with self._lock:
            self._services = services
            for name, instance in list(self._instances.items()):
                if (
                    services.get(name, None) != instance.service
                    or not instance.runs()
                    or not self._is_healthy(instance)
                ):
                    report(f"{name}: {instance.pid} ends")
                    instance.stop()
                    del self._instances[name]
            for name, service in services.items():
                if service.least and name not in self._instances:
                    self._start(service)

    def instance_for(self, host: str) -> Instance | None:
        """Returns the instance of the Cloud Run service that has the host name, and starts the instance if needed.
        Returns None if no service has the host name or if the service is not public. Raises NotStarted if the instance
        does not start.
        """
        with self._lock:
            service = next((each for each in self._services.values() if each.host == host), None)
            if service is None or not service.public:
                return None
            return self._instances.get(service.name) or self._start(service)

    def stop(self) -> None:
        for instance in self._instances.values():
            instance.stop()

    def _start(self, service: Deployed) -> Instance:
        instance = Instance(self._sandbox, service)
        instance.wait()
        report(f"{service.name}: {instance.pid} runs revision {service.revision} at {instance.address}")
        self._instances[service.name] = instance
        self._failed_probes[service.name], self._probed[service.name] = 0, time.monotonic()
        return instance

    def _is_healthy(self, instance: Instance) -> bool:
        """Returns whether a Cloud Run instance is healthy. An instance is unhealthy after `failureThreshold` failures
        of its liveness probe in a row.
        """
        name, probe = instance.service.name, instance.service.container["livenessProbe"]
        if time.monotonic() - self._probed[name] < probe["periodSeconds"]:
            return True
        self._probed[name] = time.monotonic()
        self._failed_probes[name] = 0 if instance.answers("livenessProbe") else self._failed_probes[name] + 1
        return self._failed_probes[name] < probe["failureThreshold"]


def create_app(runner: Runner) -> Flask:
    app = Flask(__name__)

    @app.route("/", defaults={"path": ""}, methods=["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"])
    @app.route("/<path:path>", methods=["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"])
    def answer(path: str) -> Response:
        try:
            instance = runner.instance_for(request.host.split(":")[0])
        except (NotStarted, httpx.HTTPError) as error:
            return Response(f"{error}\n", 503)
        if instance is None:
            return Response("Error: Forbidden\n", 403)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        url = f"{instance.url}{request.full_path}"
        try:
            answered = HTTP.request(request.method, url, headers=headers, content=request.get_data(), timeout=30)
        except httpx.HTTPError:
            return Response("The request failed because the instance failed.\n", 503)
        return Response(
            answered.content, answered.status_code, {k: v for k, v in answered.headers.items() if k not in _HOP_BY_HOP}
        )

    return app


def main(directory: Annotated[Path, typer.Option(help="the sandbox's directory")]) -> None:
    sandbox = Sandbox(directory=directory.resolve())
    runner = Runner(sandbox)
    server = make_server(sandbox.run_address, RUN_PORT, create_app(runner), threaded=True, request_handler=NoRequestLog)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.signal(signal.SIGTERM, _end)
    try:
        while True:
            try:
                runner.reconcile()
            except (httpx.HTTPError, NotStarted) as error:
                report(str(error))
            time.sleep(_POLL_SECONDS)
    finally:
        runner.stop()


def _end(number: int, frame: object) -> None:
    sys.exit()


if __name__ == "__main__":
    typer.run(main)
