"""Forwards connections through the accelerators of one sandbox (a set of emulated clouds) until the process is ended:
`python -m emulation.accelerators --directory DIR`.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from emulation.accelerators.service import AcceleratorService
from emulation.layout import Sandbox


def main(directory: Annotated[Path, typer.Option(help="the sandbox's directory")]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(AcceleratorService(Sandbox(directory=directory.resolve())).run())


if __name__ == "__main__":
    typer.run(main)
