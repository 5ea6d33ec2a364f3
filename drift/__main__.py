"""`python -m drift`: finds what an account holds of a stack and its state does not know, and the reverse."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from cloudflare import CloudflareError

from drift import DriftError, aws, cloudflare
from drift.comparison import Comparison
from drift.state import read

app = typer.Typer(add_completion=False)


@app.command()
def compare(
    export: Annotated[Path, typer.Argument(help="file with the output of `pulumi stack export`")],
) -> None:
    """Compare what AWS and Cloudflare hold of a stack with its state. A difference is an error.

    The command asks all regions of the AWS account for resources with the stack's tags, and Cloudflare for worker
    scripts and namespaces with the stack's names.
    """
    try:
        state = read(json.loads(export.read_text()))
    except (OSError, ValueError) as error:
        raise DriftError(f"{export}: is not the output of `pulumi stack export`: {error}") from None
    found = Comparison()
    for cloud in (aws, cloudflare):
        differences = cloud.compare(state)
        found.add(differences.orphans, differences.missing)
    lines = found.lines()
    print(*lines or [f"the accounts and the state of {state.environment} agree"], sep="\n")
    raise typer.Exit(1 if lines else 0)


def main() -> None:
    try:
        app()
    except (DriftError, ClientError, BotoCoreError, CloudflareError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
