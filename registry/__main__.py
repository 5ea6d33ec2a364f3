"""`python -m registry`: the operator's command line."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from registry import RegistryError, keys
from registry.cloudflare.api import CloudflareError
from registry.commands import entitlements, imports, packages, purges, tokens, visible

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
keys_app = typer.Typer(no_args_is_help=True, help="The keys between the tiers.")
app.add_typer(keys_app, name="keys")
app.add_typer(tokens.app, name="tokens")
app.add_typer(entitlements.app, name="entitlements")
app.add_typer(packages.app)
app.add_typer(imports.app)
app.add_typer(visible.app)
app.add_typer(packages.tag_app, name="tag")
app.add_typer(purges.app, name="purges")


@app.callback()
def root() -> None:
    """Operate a package-distribution network: see each command's --help."""


@keys_app.command("init")
def keys_init(
    environment: Annotated[str, typer.Option(help="the stack's name, e.g. prod")],
    domain: Annotated[str, typer.Option(help="the stack's domain, e.g. example.com")],
    region: Annotated[str, typer.Option(help="the stack's primary AWS region, e.g. us-east-1")],
) -> None:
    """Make the environment's keys in AWS Secrets Manager; those that exist are left as they are.

    CLOUDFLARE_KV_API_TOKEN must hold a Cloudflare API token that may edit Workers KV, CLOUDFLARE_PURGE_API_TOKEN one
    that may purge the zone's cache; they are kept with the keys.
    """
    tokens_given = (os.environ.get(name, "") for name in (keys.KV_TOKEN_VARIABLE, keys.PURGE_TOKEN_VARIABLE))
    written = keys.initialize(environment, domain, region, *tokens_given)
    for name in written:
        print(f"wrote {name}")
    if not written:
        print(f"the keys of {environment} exist")


def main() -> None:
    try:
        app()
    except RegistryError as error:
        sys.exit(f"error: {error}")
    except (ClientError, BotoCoreError) as error:
        sys.exit(f"error: AWS refused: {error}")
    except CloudflareError as error:
        sys.exit(f"error: Cloudflare refused: {error}")


if __name__ == "__main__":
    main()
