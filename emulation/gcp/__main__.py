"""Runs the emulated Google Cloud of one sandbox until the process is ended: `python -m emulation.gcp --directory
DIR`."""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, cast

import psycopg
import typer
from werkzeug.serving import make_server

from emulation.gcp.api import create_app
from emulation.gcp.metadata_server import MetadataServers
from emulation.gcp.objects.serving import with_objects
from emulation.gcp.spanner import data_api, effects
from emulation.gcp.spanner.cluster import Cluster
from emulation.gcp.spanner.databases import Databases
from emulation.layout import GCP_PORT, POSTGRES_PORT, Sandbox
from emulation.state_store import StateStore

# The number of seconds after which the emulated Spanner replaces the partitions of its change streams. Google's own
# emulator uses the same interval.
_REPLACED_EVERY = 20.0


def main(directory: Annotated[Path, typer.Option(help="the sandbox's directory")]) -> None:
    sandbox = Sandbox(directory=directory.resolve())
    store = StateStore(sandbox.path("gcp", "state.sqlite"))
    cluster = Cluster(sandbox.path("postgres", "x").parent, sandbox.gcp_address, POSTGRES_PORT)
    databases = Databases(cluster)
    app = create_app(store, sandbox.gcp_machine_network, {effects.PATH: effects.DatabaseEffect(databases)})
    data_api.add_to(app, store, databases)
    MetadataServers(store, sandbox.metadata_network).add_to(app)
    whole = with_objects(app, store, sandbox.path("gcp", "x").parent, sandbox.aws_url)
    threading.Thread(target=_replace_partitions, args=(databases,), daemon=True).start()
    signal.signal(signal.SIGTERM, _end)
    try:
        make_server(sandbox.gcp_address, GCP_PORT, cast(Any, whole), threaded=True).serve_forever()
    finally:
        cluster.stop()


def _end(number: int, frame: object) -> None:
    """Raises SystemExit when the process receives SIGTERM. The program therefore stops PostgreSQL before the process
    ends. Python's default handling of SIGTERM would end the process at once.
    """
    sys.exit()


def _replace_partitions(databases: Databases) -> None:
    while True:
        time.sleep(_REPLACED_EVERY)
        # The call fails if a request drops one of the Spanner databases at the same time. The next iteration tries
        # again.
        with suppress(psycopg.Error):
            databases.replace_partitions()


if __name__ == "__main__":
    typer.run(main)
