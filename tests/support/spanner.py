"""Runs Google's Spanner emulator in tests, if the emulator is installed (docs/decisions/spanner-on-postgresql.md)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.free_ports import free_ports

# Google's Debian package installs the Spanner emulator in this directory.
_DIRECTORY = Path("/usr/lib/google-cloud-sdk/bin/cloud_spanner_emulator")
PROJECT, INSTANCE = "projects/unit", "unit-tests"


class Refused(Exception):
    """Raised when Spanner refuses a statement. The exception's message is Spanner's error message."""


@dataclass
class Spanner:
    """Gives access to an instance of Google's Spanner emulator.

    `api` is a client of the emulator's REST API. `grpc` is the address for the environment variable
    SPANNER_EMULATOR_HOST.
    """

    api: httpx.Client
    grpc: str

    def database(self, name: str, ddl: Sequence[str]) -> str:
        """Creates a Spanner database in the PostgreSQL dialect and returns its path.

        Raises Refused if Spanner refuses a statement.
        """
        create = {"createStatement": f'CREATE DATABASE "{name}"', "databaseDialect": "POSTGRESQL"}
        self._request("POST", f"{PROJECT}/instances/{INSTANCE}/databases", create)
        path = f"{PROJECT}/instances/{INSTANCE}/databases/{name}"
        if ddl:
            self._request("PATCH", f"{path}/ddl", {"statements": list(ddl)})
        return path

    def ddl(self, database: str) -> list[str]:
        return self._request("GET", f"{database}/ddl").get("statements", [])

    def plan(self, database: str, sql: str) -> Any:
        """Analyzes a SQL statement whose parameters are `$1`, `$2` and so on, and returns the parameters' types.

        Raises Refused if Spanner refuses the statement.
        """
        session = self._request("POST", f"{database}/sessions", {})["name"]
        body: dict[str, Any] = {"sql": sql, "queryMode": "PLAN", "transaction": {"begin": {"readWrite": {}}}}
        found = self._request("POST", f"{session}:executeSql", body)
        return [field["type"]["code"] for field in found["metadata"].get("undeclaredParameters", {}).get("fields", [])]

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.api.request(method, f"/v1/{path}", json=body).json()
        error = answer.get("error") or (answer if "code" in answer else None)
        if error:
            raise Refused(error["message"])
        return answer


@pytest.fixture(scope="session")
def spanner() -> Generator[Spanner]:
    """Starts Google's Spanner emulator. Skips the test if the emulator is not installed."""
    gateway = shutil.which("gateway_main", path=f"{_DIRECTORY}:{os.environ.get('PATH', '')}")
    if gateway is None:
        pytest.skip("Google's Spanner emulator is not installed")
    ports = free_ports(2)
    command = [gateway, "--grpc_binary", str(Path(gateway).with_name("emulator_main")), "--hostname", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--grpc_port", str(ports[0]), "--http_port", str(ports[1])],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{ports[1]}", timeout=30) as api:
            _wait(api)
            config = f"{PROJECT}/instanceConfigs/emulator-config"
            instance = {"config": config, "displayName": "unit tests", "nodeCount": 1}
            api.post(f"/v1/{PROJECT}/instances", json={"instanceId": INSTANCE, "instance": instance})
            yield Spanner(api, f"127.0.0.1:{ports[0]}")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _wait(api: httpx.Client) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            if api.get(f"/v1/{PROJECT}/instanceConfigs").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the Spanner emulator does not answer"
        time.sleep(0.1)
