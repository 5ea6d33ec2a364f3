"""`python -m emulation.providers --directory DIR`: the emulated providers of one world, until they are ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emulation.layout import World
from emulation.providers.server import serve_world


def main(directory: Annotated[Path, typer.Option(help="the world's directory")]) -> None:
    for running in serve_world(World(directory=directory)):
        running.server.wait_for_termination()


if __name__ == "__main__":
    typer.run(main)
