"""`python -m drift`: lists the resources that exist only in the cloud accounts or only in a stack's Pulumi state."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from cloudflare import CloudflareError

from drift import DriftError, aws, cloudflare, google_cloud
from drift.comparison import Comparison
from drift.state import State, read

# Errors that a user can correct. The message of each error says how to correct it.
_ERRORS = (DriftError, ClientError, BotoCoreError, CloudflareError)

app = typer.Typer(add_completion=False)


@app.command()
def compare(
    export: Annotated[Path, typer.Argument(help="file with the output of `pulumi stack export`")],
) -> None:
    """Compare the resources in the cloud accounts with a stack's state. Exits with status 1 if they differ.

    In all regions of the AWS account, the command finds resources with the stack's tags. In the Google Cloud projects
    of the state, the command finds resources with the stack's labels. On Cloudflare, the command finds worker scripts
    and key-value namespaces whose names begin with the stack's prefix.
    """
    try:
        state = read(json.loads(export.read_text()))
    except (OSError, ValueError) as error:
        raise DriftError(f"{export}: is not the output of `pulumi stack export`: {error}") from None
    lines = differences(state)
    print(*lines or [f"no drift: the accounts and the state of {state.environment} have the same resources"], sep="\n")
    raise typer.Exit(1 if lines else 0)


def differences(state: State) -> list[str]:
    """Returns one line of text for each difference between the cloud accounts and the Pulumi state."""
    found = Comparison()
    for cloud in (aws, google_cloud, cloudflare):
        of_cloud = cloud.compare(state)
        found.add(of_cloud.orphans, of_cloud.missing)
    return found.lines()


def main(program: typer.Typer = app) -> None:
    """Runs `python -m drift` or the given program, such as `python -m drift.repair`. An error that a user can correct
    ends the program with one line of text.
    """
    try:
        program()
    except _ERRORS as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
