"""`python -m emulation.machines --directory DIR`: the emulated hypervisor of one world, until it is ended."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError

from emulation.layout import World
from emulation.log import report
from emulation.machines.ec2 import Ec2Machines
from emulation.machines.gce import GceMachines
from emulation.machines.hypervisor import Hypervisor

_LOOK_SECONDS = 1.0


def main(directory: Annotated[Path, typer.Option(help="the world's directory")]) -> None:
    world = World(directory=directory.resolve())
    hypervisor = Hypervisor(world, [Ec2Machines(world), GceMachines(world)], report)
    while True:
        try:
            hypervisor.reconcile()
        except (BotoCoreError, ClientError, httpx.HTTPError) as error:
            report(f"an emulated cloud does not answer: {error}")
        time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    typer.run(main)
