"""`python -m registry`: the operator's command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from registry import keys

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
keys_app = typer.Typer(no_args_is_help=True, help="The keys between the tiers.")
app.add_typer(keys_app, name="keys")


@app.callback()
def root() -> None:
    """Operate a package-distribution network: see each command's --help."""


@keys_app.command("init")
def keys_init(
    environment: Annotated[str, typer.Option(help="the stack's name, e.g. prod")],
    domain: Annotated[str, typer.Option(help="the stack's domain, e.g. example.com")],
    region: Annotated[str, typer.Option(help="the stack's primary AWS region, e.g. us-east-1")],
) -> None:
    """Make the environment's keys in AWS Secrets Manager; those that exist are left as they are."""
    written = keys.initialize(environment, domain, region)
    for name in written:
        print(f"wrote {name}")
    if not written:
        print(f"the keys of {environment} exist")


def main() -> None:
    try:
        app()
    except (ClientError, BotoCoreError) as error:
        print(f"error: AWS refused: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
