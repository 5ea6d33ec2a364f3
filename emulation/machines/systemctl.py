"""The command `systemctl` of an emulated machine, for the machine's own programs.

The emulated hypervisor keeps the services of all machines running, and waits while a timer's service runs. A service
that this command restarts therefore starts here, and the hypervisor finds the new process afterwards.

Reference: systemctl(1) for the exit codes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from emulation.layout import Sandbox
from emulation.log import report
from emulation.machines.machine import Machine, instance_of

_INACTIVE = 3

_app = typer.Typer(add_completion=False)


@_app.callback()
def of_machine(
    context: typer.Context,
    directory: Annotated[Path, typer.Option(help="the sandbox's directory")],
    instance: Annotated[str, typer.Option(help="the ID of the machine's instance")],
) -> None:
    sandbox = Sandbox(directory=directory)
    context.obj = Machine(sandbox, instance_of(sandbox, instance), report)


@_app.command("is-active")
def is_active(context: typer.Context, unit: str, quiet: Annotated[bool, typer.Option()] = False) -> None:
    active = context.obj.service(unit).is_active()
    if not quiet:
        typer.echo("active" if active else "inactive")
    sys.exit(0 if active else _INACTIVE)


@_app.command()
def restart(context: typer.Context, unit: str) -> None:
    sys.exit(0 if context.obj.service(unit).restart() else 1)


@_app.command()
def reload(context: typer.Context, unit: str) -> None:
    sys.exit(0 if context.obj.service(unit).reload() else 1)


if __name__ == "__main__":
    _app()
