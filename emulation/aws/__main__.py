"""Runs the emulated AWS API of one sandbox (a set of emulated clouds) until the process is ended: `python -m
emulation.aws --directory DIR`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emulation.aws.server import serve
from emulation.layout import Sandbox


def main(directory: Annotated[Path, typer.Option(help="the sandbox's directory")]) -> None:
    serve(Sandbox(directory=directory))


if __name__ == "__main__":
    typer.run(main)
