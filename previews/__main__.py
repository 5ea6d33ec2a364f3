"""`python -m previews`: previews the changes to every stack on emulated clouds, or records the state of every stack at
a release.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from emulation.engine.environment import forget_other_clouds
from emulation.engine.find import EngineError
from emulation.processes import ProcessError
from emulation.services import AddressTaken
from local.operator import OperatorError
from local.progress import since_the_start
from previews import release
from previews.preview import preview

# Errors that a user can correct. The message of each error says how to correct it, so the commands print only the
# message.
_ENDINGS = (EngineError, ProcessError, AddressTaken, OperatorError, release.ReleaseError)

app = typer.Typer(add_completion=False, help=__doc__)


@app.callback(invoke_without_command=True)
def plan(
    context: typer.Context,
    plans: Annotated[Path | None, typer.Option("--directory", help="folder to write the plans to, as JSON")] = None,
) -> None:
    """Preview every stack twice: as a new deployment, and as an upgrade.

    Fail when a preview ends with an error, or when a stack breaks a policy. Fail when a stack does not survive the loss
    of resources that gates/resilience_limits names. Also fail when an upgrade replaces or deletes a store (such as a
    bucket or a database), or a resource that clients reach.
    """
    if context.invoked_subcommand is None:
        raise typer.Exit(0 if preview(since_the_start(), plans) else 1)


@app.command()
def record(version: Annotated[str, typer.Argument(help="version of this release, such as 0.2")]) -> None:
    """Deploy every stack on emulated clouds, and save its Pulumi state. `make preview` previews upgrades from saved
    states.
    """
    release.record(version, since_the_start())


def main() -> None:
    forget_other_clouds()
    try:
        app()
    except _ENDINGS as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))


if __name__ == "__main__":
    main()
