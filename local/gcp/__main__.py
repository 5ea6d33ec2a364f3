"""`python -m local.gcp --directory DIR`: the emulated Google Cloud of one world, until it is ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer
from werkzeug.serving import make_server

from local.gcp.api import create_app
from local.gcp.metadata_server import MetadataServers
from local.gcp.objects.serving import with_objects
from local.layout import GCP_PORT, World
from local.store import Store


def main(directory: Annotated[Path, typer.Option(help="the world's directory")]) -> None:
    world = World(directory=directory.resolve())
    store = Store(world.path("gcp", "state.sqlite"))
    app = create_app(store, world.gcp_machine_network)
    MetadataServers(store, world.metadata_network).add_to(app)
    whole = with_objects(app, store, world.path("gcp", "x").parent)
    make_server(world.gcp_address, GCP_PORT, cast(Any, whole), threaded=True).serve_forever()


if __name__ == "__main__":
    typer.run(main)
