"""Runs the emulated Pulumi providers of one sandbox until the process is ended: `python -m emulation.providers
--directory DIR`."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from emulation.layout import Sandbox
from emulation.providers.server import serve_sandbox


def main(directory: Annotated[Path, typer.Option(help="the sandbox's directory")]) -> None:
    # These thresholds make Python's garbage collector run rarely. The SDKs of the clouds create millions of objects
    # that live until the process ends, so the collector would free little memory. With Python's default thresholds,
    # garbage collection took a third of the time that the process needs to start.
    gc.set_threshold(100_000, 50, 100)
    for running in serve_sandbox(Sandbox(directory=directory)):
        running.server.wait_for_termination()


if __name__ == "__main__":
    typer.run(main)
