"""The command that repairs the token entries in Workers KV, the key-value store of the edge worker."""

from __future__ import annotations

import sys

import typer

from registry.commands import Outputs

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def root() -> None:
    """Repair the token entries in the edge's key-value store. The token records in the metadata database are the source
    of truth.
    """


@app.command("resync")
def resync_entitlements(stack_outputs: Outputs) -> None:
    """Repair the token entries at the edge. Write missing and stale entries. Revoke entries of tokens that have no
    record in the database.
    """
    from registry.target import read_target
    from registry.tokens import resync

    done = resync.resync(read_target(stack_outputs))
    print(
        f"{done.recorded} tokens on record; repaired at the edge: {done.missing} missing, {done.stale} stale, "
        f"{done.extra} without a record"
    )
    for line in done.unreadable:
        print(f"error: {line}", file=sys.stderr)
    if done.unreadable:
        sys.exit(1)
