"""`python -m registry`: the operator's command line."""

from __future__ import annotations

import sys

import typer

from registry import RegistryError
from registry.commands import (
    advisories,
    edge,
    entitlements,
    imports,
    keys,
    packages,
    predictions,
    purges,
    replication,
    tokens,
    visible,
)

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
app.add_typer(keys.app, name="keys")
app.add_typer(tokens.app, name="tokens")
app.add_typer(entitlements.app, name="entitlements")
app.add_typer(packages.app)
app.add_typer(imports.app)
app.add_typer(visible.app)
app.add_typer(packages.tag_app, name="tag")
app.add_typer(purges.app, name="purges")
app.add_typer(replication.app, name="replication")
app.add_typer(edge.app, name="edge")
app.add_typer(predictions.app, name="predict")
app.add_typer(advisories.app, name="advisories")


@app.callback()
def root() -> None:
    """Operate a package-distribution network: see each command's --help."""


def main() -> None:
    try:
        app()
    except RegistryError as error:
        sys.exit(f"error: {error}")
    except Exception as error:
        refusal = _refusal(error)
        if refusal:
            sys.exit(f"error: {refusal}")
        raise


def _refusal(error: Exception) -> str:
    """Returns the message to print for an error from AWS or Cloudflare. The message names the cloud. Returns an empty
    string for any other error.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from registry.cloudflare.api import CloudflareError

    if isinstance(error, (ClientError, BotoCoreError)):
        return f"AWS refused: {error}"
    return f"Cloudflare refused: {error}" if isinstance(error, CloudflareError) else ""


if __name__ == "__main__":
    main()
