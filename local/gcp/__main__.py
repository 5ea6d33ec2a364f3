"""`python -m local.gcp --directory DIR`: the emulated Google Cloud of one world, until it is ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from werkzeug.serving import make_server

from local.gcp.api import create_app
from local.layout import GCP_PORT, World
from local.store import Store


def main(directory: Annotated[Path, typer.Option(help="the world's directory")]) -> None:
    world = World(directory=directory.resolve())
    app = create_app(Store(world.path("gcp", "state.sqlite")), world.gcp_machine_network)
    make_server(world.gcp_address, GCP_PORT, app, threaded=True).serve_forever()


if __name__ == "__main__":
    typer.run(main)
