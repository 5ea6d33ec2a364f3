"""Tokens of those who pull, and what they are granted."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from registry.commands import Outputs, Principal

if TYPE_CHECKING:
    from registry.target import Target
    from registry.tokens.tokens import Changed

app = typer.Typer(no_args_is_help=True, help=__doc__)


def _refuse_by(given: str | None) -> None:
    if given is not None:
        raise typer.BadParameter("say who does it with --principal; --by is its former name")


Grants = Annotated[list[str], typer.Argument(help="such as npm:@acme/*:pull")]
Identity = Annotated[str, typer.Argument(help="as `tokens list` shows it")]
Expires = Annotated[str, typer.Option(help="a number of m, h or d")]
FormerBy = Annotated[str | None, typer.Option("--by", hidden=True, callback=_refuse_by)]


@app.command()
def create(
    grant: Annotated[list[str], typer.Option(help="such as npm:@acme/*:pull; may be given several times")],
    stack_outputs: Outputs,
    holder: Annotated[
        str, typer.Option("--for", help="who the token stands for, e.g. ci@acme (required)", show_default=False)
    ] = "",
    expires: Expires = "30d",
    principal: Principal = "",
    by: FormerBy = None,
) -> None:
    """Issue a token and print it, once; nothing else goes to standard output."""
    from registry import caller
    from registry.target import read_target
    from registry.tokens import tokens

    if not holder and principal:
        print(f"warning: --principal names who acts; name the token's holder as --for {principal}", file=sys.stderr)
        holder, principal = principal, ""
    if not holder:
        raise typer.BadParameter("say who the token stands for, e.g. --for ci@acme (--principal says who issues it)")
    target = read_target(stack_outputs)
    seconds = tokens.duration(expires)
    changed = tokens.create(target, caller.by(target, "tokens create", principal), holder, grant, seconds)
    print(changed.text)
    _tell(target, changed)


@app.command("list")
def list_all(
    stack_outputs: Outputs,
    ended: Annotated[bool, typer.Option("--all", help="also those that were revoked or have ended")] = False,
) -> None:
    """List tokens by their ids; the tokens themselves are known to nobody."""
    from registry.target import read_target
    from registry.tokens import tokens

    for token in tokens.tokens(read_target(stack_outputs), ended=ended):
        until = f"until {datetime.fromtimestamp(token.expires, UTC):%Y-%m-%d %H:%M}Z"
        state = f"revoked {token.revoked[:16].replace('T', ' ')}Z" if token.revoked else until
        print(f"{token.id}  {token.principal:<24} {state}  {' '.join(token.grants)}")


@app.command()
def rotate(
    identity: Identity,
    stack_outputs: Outputs,
    expires: Expires = "30d",
    overlap: Annotated[str, typer.Option(help="how long the old token stays good: a number of m, h or d")] = "1h",
    principal: Principal = "",
    by: FormerBy = None,
) -> None:
    """Issue a new token in place of another and print it, once; the old one ends after the overlap."""
    from registry import caller
    from registry.target import read_target
    from registry.tokens import tokens

    target = read_target(stack_outputs)
    seconds, shared = tokens.duration(expires), tokens.duration(overlap, "--overlap", shortest=0)
    changed = tokens.rotate(target, caller.by(target, "tokens rotate", principal), identity, seconds, shared)
    print(changed.text)
    _tell(target, changed)


@app.command()
def revoke(
    ids: Annotated[list[str], typer.Argument(help="ids as `tokens list` shows them")],
    stack_outputs: Outputs,
    principal: Principal = "",
    by: FormerBy = None,
) -> None:
    """Revoke tokens; the edge refuses them within seconds, where its key-value store is told at once."""
    from registry import caller
    from registry.target import read_target
    from registry.tokens import tokens

    target = read_target(stack_outputs)
    who = caller.by(target, "tokens revoke", principal)
    for identity in ids:
        changed = tokens.revoke(target, who, identity)
        print(f"revoked {changed.token.id} of {changed.token.principal}")
        _tell(target, changed)


@app.command()
def grant(
    identity: Identity, grants: Grants, stack_outputs: Outputs, principal: Principal = "", by: FormerBy = None
) -> None:
    """Give a token more grants."""
    from registry import caller
    from registry.target import read_target
    from registry.tokens import tokens

    target = read_target(stack_outputs)
    changed = tokens.change_grants(target, caller.by(target, "tokens grant", principal), identity, add=grants)
    print(*changed.token.grants)
    _tell(target, changed)


@app.command()
def ungrant(
    identity: Identity, grants: Grants, stack_outputs: Outputs, principal: Principal = "", by: FormerBy = None
) -> None:
    """Take grants away from a token."""
    from registry import caller
    from registry.target import read_target
    from registry.tokens import tokens

    target = read_target(stack_outputs)
    changed = tokens.change_grants(target, caller.by(target, "tokens ungrant", principal), identity, remove=grants)
    print(*changed.token.grants)
    _tell(target, changed)


def _tell(target: Target, changed: Changed) -> None:
    """Where a stream follows the database, it tells the edge; where none does, somebody must."""
    if not changed.untold:
        return
    said = f"it is on record, but the edge could not be told: {changed.untold}"
    if target.metadata.backend == "dynamodb":
        print(f"warning: {said}; the stream tells it within seconds (docs/entitlements.md)", file=sys.stderr)
    else:
        sys.exit(f"error: {said}; tell it with: python -m registry entitlements resync")
