"""`python -m emulation.aws --directory DIR`: the emulated AWS API of one world, until it is ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emulation.aws.server import serve
from emulation.layout import World


def main(directory: Annotated[Path, typer.Option(help="the world's directory")]) -> None:
    serve(World(directory=directory))


if __name__ == "__main__":
    typer.run(main)
