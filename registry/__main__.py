"""`python -m registry`: the operator's command line."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from cloudflare import CloudflareError

from registry import RegistryError, keys, tokens
from registry.commands import Outputs, imports, packages, purges
from registry.target import read_target

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
keys_app = typer.Typer(no_args_is_help=True, help="The keys between the tiers.")
tokens_app = typer.Typer(no_args_is_help=True, help="Tokens of those who pull, and what they are granted.")
app.add_typer(keys_app, name="keys")
app.add_typer(tokens_app, name="tokens")
app.add_typer(packages.app)
app.add_typer(imports.app)
app.add_typer(packages.tag_app, name="tag")
app.add_typer(purges.app, name="purges")

Grants = Annotated[list[str], typer.Argument(help="such as npm:@acme/*:pull")]


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

    CLOUDFLARE_KV_API_TOKEN must hold a Cloudflare API token that may edit Workers KV; it is kept with them.
    """
    written = keys.initialize(environment, domain, region, os.environ.get(keys.KV_TOKEN_VARIABLE, ""))
    for name in written:
        print(f"wrote {name}")
    if not written:
        print(f"the keys of {environment} exist")


@tokens_app.command("create")
def tokens_create(
    principal: Annotated[str, typer.Option(help="who the token stands for, e.g. ci@acme")],
    grant: Annotated[list[str], typer.Option(help="such as npm:@acme/*:pull; may be given several times")],
    stack_outputs: Outputs,
    expires: Annotated[str, typer.Option(help="a number of m, h or d")] = "30d",
) -> None:
    """Issue a token and print it, once; nothing else goes to standard output."""
    print(tokens.create(read_target(stack_outputs), principal, grant, tokens.lifetime(expires)))


@tokens_app.command("list")
def tokens_list(stack_outputs: Outputs) -> None:
    """List tokens by their ids; the tokens themselves are known to nobody."""
    for token in tokens.tokens(read_target(stack_outputs)):
        until = datetime.fromtimestamp(token.expires, UTC)
        print(f"{token.id}  {token.principal:<24} until {until:%Y-%m-%d %H:%M}Z  {' '.join(token.grants)}")


@tokens_app.command("revoke")
def tokens_revoke(
    ids: Annotated[list[str], typer.Argument(help="ids as `tokens list` shows them")], stack_outputs: Outputs
) -> None:
    """Revoke tokens; the edge refuses them within seconds, where its key-value store is told at once."""
    target = read_target(stack_outputs)
    for identity in ids:
        token = tokens.revoke(target, identity)
        print(f"revoked {token.id} of {token.principal}")


@tokens_app.command("grant")
def tokens_grant(identity: str, grants: Grants, stack_outputs: Outputs) -> None:
    """Give a token more grants."""
    print(*tokens.change_grants(read_target(stack_outputs), identity, add=grants).grants)


@tokens_app.command("ungrant")
def tokens_ungrant(identity: str, grants: Grants, stack_outputs: Outputs) -> None:
    """Take grants away from a token."""
    print(*tokens.change_grants(read_target(stack_outputs), identity, remove=grants).grants)


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
