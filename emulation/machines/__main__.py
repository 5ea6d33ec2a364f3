"""Runs the emulated hypervisor of one sandbox until the process is ended: `python -m emulation.machines --directory
DIR`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError

from emulation.layout import Sandbox
from emulation.log import report
from emulation.machines.ec2 import Ec2Machines
from emulation.machines.gce import GceMachines
from emulation.machines.hypervisor import Hypervisor
from emulation.processes import ProcessError

_POLL_SECONDS = 1.0


def main(directory: Annotated[Path, typer.Option(help="the sandbox's directory")]) -> None:
    sandbox = Sandbox(directory=directory.resolve())
    hypervisor = Hypervisor(sandbox, [Ec2Machines(sandbox), GceMachines(sandbox)], report)
    while True:
        try:
            hypervisor.reconcile()
        except (BotoCoreError, ClientError, httpx.HTTPError) as error:
            report(f"an emulated cloud does not answer: {error}")
        except (ProcessError, OSError) as error:
            # An error with one machine must not end the processes of the other machines.
            report(f"a machine does not start or end: {error}")
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    typer.run(main)
