"""Runs the emulated Spanner in the test's process, with a metadata database on a PostgreSQL server.

Clients query the database as service accounts.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from werkzeug.serving import make_server

from emulation.gcp.api import create_app
from emulation.gcp.spanner import data_api, effects
from emulation.gcp.spanner.cluster import Cluster
from emulation.gcp.spanner.databases import Databases
from emulation.gcp.tokens import Account, Tokens
from emulation.state_store import StateStore
from infra.metadata.spanner import POSITIONS, SCHEMA, SPANNER_ONLY, statements
from tests.support.free_ports import free_port
from workers.entitlements.spanner import Spanner

DDL = [line for script in (SCHEMA, SPANNER_ONLY, POSITIONS) for line in statements(script.read_text())]
PATH = "projects/unit/instances/unit/databases/metadata"


@dataclass
class Emulated:
    """A running emulated Google Cloud. `url` is the base URL of all its services."""

    url: str
    databases: Databases
    cluster: Cluster
    store: StateStore

    def spanner(self, role: str = "roles/spanner.databaseUser", name: str = "follower") -> Spanner:
        """Returns a Spanner client for a new service account that has the given role on the database."""
        account = f"{self.url}/iam/v1/projects/unit/serviceAccounts"
        httpx.post(account, json={"accountId": name, "serviceAccount": {}})
        email = f"{name}@unit.iam.gserviceaccount.com"
        bindings = [{"role": role, "members": [f"serviceAccount:{email}"]}]
        httpx.patch(f"{self.url}/spanner/v1/{PATH}", json={"iam": {"bindings": bindings}}).raise_for_status()
        token = Tokens(self.store).access(Account(email, ""))
        return Spanner(PATH, lambda: token, f"{self.url}/spanner")


@contextmanager
def emulated(directory: Path) -> Generator[Emulated]:
    store = StateStore(directory / "gcp.sqlite")
    cluster = Cluster(directory / "postgres", "127.0.0.1", free_port())
    databases = Databases(cluster)
    app = create_app(store, "198.51.100.0/24", {effects.PATH: effects.DatabaseEffect(databases)})
    data_api.add_to(app, store, databases)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        _request(f"{url}/spanner/v1/projects/unit/instances", {"instanceId": "unit", "instance": _INSTANCE})
        database = {"createStatement": 'CREATE DATABASE "metadata"', "databaseDialect": "POSTGRESQL"}
        _request(f"{url}/spanner/v1/projects/unit/instances/unit/databases", {**database, "extraStatements": DDL})
        yield Emulated(url, databases, cluster, store)
    finally:
        server.shutdown()
        cluster.stop()


_INSTANCE = {"config": "regional-us-central1", "displayName": "unit", "processingUnits": 100}


def _request(url: str, body: Any) -> None:
    answer = httpx.post(url, json=body, timeout=60)
    assert answer.status_code == 200, answer.text
