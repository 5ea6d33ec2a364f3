"""The keys between the tiers."""

from __future__ import annotations

import os
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def root() -> None:
    """The keys between the tiers."""


@app.command()
def init(
    environment: Annotated[str, typer.Option(help="the stack's name, e.g. prod")],
    domain: Annotated[str, typer.Option(help="the stack's domain, e.g. example.com")],
    region: Annotated[str, typer.Option(help="the stack's primary AWS region, e.g. us-east-1")],
) -> None:
    """Create the environment's keys in AWS Secrets Manager. Existing keys stay as they are.

    CLOUDFLARE_KV_API_TOKEN must hold a Cloudflare API token that may edit Workers KV. The token is stored with the
    keys.
    """
    from registry import keys

    written = keys.initialize(environment, domain, region, os.environ.get(keys.KV_TOKEN_VARIABLE, ""))
    for name in written:
        print(f"wrote {name}")
    if not written:
        print(f"the keys of {environment} exist already")
