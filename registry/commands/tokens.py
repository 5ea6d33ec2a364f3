"""Commands that issue and revoke client tokens, and change their grants."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from registry import RegistryError
from registry.commands import Outputs, Principal

if TYPE_CHECKING:
    from registry.target import Target
    from registry.tokens.tokens import Changed

app = typer.Typer(no_args_is_help=True, help=__doc__)


def _refuse_by(given: str | None) -> None:
    if given is not None:
        raise typer.BadParameter("--by was renamed; use --principal")


Grants = Annotated[list[str], typer.Argument(help="such as npm:@acme/*:pull")]
Identity = Annotated[str, typer.Argument(help="token's id, as shown by `tokens list`")]
Expires = Annotated[str, typer.Option(help="validity of the token in m, h or d, such as 30d")]
FormerBy = Annotated[str | None, typer.Option("--by", hidden=True, callback=_refuse_by)]


@app.command()
def create(
    grant: Annotated[list[str], typer.Option(help="grant such as npm:@acme/*:pull; can be repeated")],
    stack_outputs: Outputs,
    holder: Annotated[
        str, typer.Option("--for", help="principal that holds the token, e.g. ci@acme (required)", show_default=False)
    ] = "",
    expires: Expires = "30d",
    principal: Principal = "",
    by: FormerBy = None,
) -> None:
    """Issue a client token and print it to standard output. You cannot print the token again. All messages go to
    standard error.
    """
    from registry import caller
    from registry.target import read_target
    from registry.tokens import tokens

    if not holder and principal:
        print(f"warning: --principal names the operator; name the holder with --for {principal}", file=sys.stderr)
        holder, principal = principal, ""
    if not holder:
        raise typer.BadParameter("name the token's holder, e.g. --for ci@acme (--principal names the operator)")
    target = read_target(stack_outputs)
    seconds = tokens.duration(expires)
    changed = tokens.create(target, caller.by(target, "tokens create", principal), holder, grant, seconds)
    print(changed.text)
    _report_delay(target, changed)


@app.command("list")
def list_all(
    stack_outputs: Outputs,
    ended: Annotated[bool, typer.Option("--all", help="include revoked and expired tokens")] = False,
) -> None:
    """List client tokens by their ids. The tokens themselves are not stored."""
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
    overlap: Annotated[str, typer.Option(help="time in m, h or d for which the old token stays valid")] = "1h",
    principal: Principal = "",
    by: FormerBy = None,
) -> None:
    """Replace a client token: issue a new token and print it. The old token stays valid for the time in --overlap."""
    from registry import caller
    from registry.target import read_target
    from registry.tokens import tokens

    target = read_target(stack_outputs)
    seconds, shared = tokens.duration(expires), tokens.duration(overlap, "--overlap", shortest=0)
    changed = tokens.rotate(target, caller.by(target, "tokens rotate", principal), identity, seconds, shared)
    print(changed.text)
    _report_delay(target, changed)


@app.command()
def revoke(
    ids: Annotated[list[str], typer.Argument(help="tokens' ids, as shown by `tokens list`")],
    stack_outputs: Outputs,
    principal: Principal = "",
    by: FormerBy = None,
) -> None:
    """Revoke client tokens. The edge refuses the tokens within seconds after its key-value store is updated.

    If a token cannot be revoked, the command still revokes the others, and then exits with status 1.
    """
    from registry import caller
    from registry.target import read_target
    from registry.tokens import tokens

    target = read_target(stack_outputs)
    who = caller.by(target, "tokens revoke", principal)
    failed = False
    for identity in ids:
        try:
            changed = tokens.revoke(target, who, identity)
        except RegistryError as error:
            problem = str(error)
        else:
            print(f"revoked {changed.token.id} of {changed.token.principal}")
            problem = _undelivered(target, changed)
        if problem:
            print(f"error: {problem}", file=sys.stderr)
            failed = True
    if failed:
        sys.exit(1)


@app.command()
def grant(
    identity: Identity, grants: Grants, stack_outputs: Outputs, principal: Principal = "", by: FormerBy = None
) -> None:
    """Add grants to a client token."""
    from registry import caller
    from registry.target import read_target
    from registry.tokens import tokens

    target = read_target(stack_outputs)
    changed = tokens.change_grants(target, caller.by(target, "tokens grant", principal), identity, add=grants)
    print(*changed.token.grants)
    _report_delay(target, changed)


@app.command()
def ungrant(
    identity: Identity, grants: Grants, stack_outputs: Outputs, principal: Principal = "", by: FormerBy = None
) -> None:
    """Remove grants from a client token."""
    from registry import caller
    from registry.target import read_target
    from registry.tokens import tokens

    target = read_target(stack_outputs)
    changed = tokens.change_grants(target, caller.by(target, "tokens ungrant", principal), identity, remove=grants)
    print(*changed.token.grants)
    _report_delay(target, changed)


def _report_delay(target: Target, changed: Changed) -> None:
    """Ends the command with an error if only an operator can bring the change of a token to the edge."""
    if problem := _undelivered(target, changed):
        sys.exit(f"error: {problem}")


def _undelivered(target: Target, changed: Changed) -> str:
    """Returns an error message if a change of a token did not reach the edge at once, or an empty string.

    With DynamoDB as the metadata database, only prints a warning: a function that reads the table's change stream
    updates the edge later.
    """
    if not changed.edge_error:
        return ""
    problem = f"the change is committed, but the edge could not be updated: {changed.edge_error}"
    if target.metadata.backend != "dynamodb":
        return f"{problem}; update it with: python -m registry entitlements resync"
    print(f"warning: {problem}; the stream updates it within seconds (docs/entitlements.md)", file=sys.stderr)
    return ""
