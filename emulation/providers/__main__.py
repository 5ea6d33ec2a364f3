"""Runs the emulated Pulumi providers of one sandbox until the process is ended: `python -m emulation.providers
--directory DIR`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emulation.layout import Sandbox
from emulation.providers.server import serve_sandbox


def main(directory: Annotated[Path, typer.Option(help="the sandbox's directory")]) -> None:
    for running in serve_sandbox(Sandbox(directory=directory)):
        running.server.wait_for_termination()


if __name__ == "__main__":
    typer.run(main)
