"""The outbox: what was committed and is still to be brought to the readers."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from registry.commands import Outputs

if TYPE_CHECKING:
    from registry.delivery.deliver import Delivery
    from registry.target import Target

app = typer.Typer(no_args_is_help=True, help="Documents and purges that are still to reach the readers.")


@app.command()
def drain(
    stack_outputs: Outputs,
    watch: Annotated[float, typer.Option(help="go on, with so many seconds between; 0: once")] = 0,
    metric: Annotated[bool, typer.Option(help="tell the alarms how old the oldest is")] = True,
) -> None:
    """Settle what is due: after failures with ever longer pauses, and everything once more when caches have ended."""
    from registry.target import read_target

    target = read_target(stack_outputs)
    delivery = target.delivery
    while not _pass(target, delivery, metric) or watch:
        if not watch:
            sys.exit(1)
        time.sleep(watch)


def _pass(target: Target, delivery: Delivery, metric: bool) -> bool:
    """Whether all went well."""
    report = delivery.drain()
    if metric:
        target.metrics.purges(report.lag, report.dead)
    print(f"settled {report.settled}, waiting {report.waiting}, given up {report.dead}", flush=True)
    for reason in report.delayed:
        print(f"error: {reason}; it is tried again", file=sys.stderr, flush=True)
    if report.dead:
        print(
            f"error: {report.dead} were given up; see why with `purges list`, and try again with `purges retry`",
            file=sys.stderr,
            flush=True,
        )
    return not report.delayed and not report.dead


@app.command("list")
def list_all(stack_outputs: Outputs) -> None:
    """List what is not settled, or waits for its repetition."""
    from registry.catalog.outbox import Outbox
    from registry.target import read_target

    outbox = Outbox(read_target(stack_outputs).repository)
    for intent in [*outbox.dead(), *outbox.pending(), *outbox.repeats()]:
        state = "given up" if intent.state == "dead" else intent.state
        why = f": {intent.error}" if intent.error else ""
        print(f"{intent.at}  {state:<8} tried {intent.tries} times  {' '.join(intent.changes)}{why}")


@app.command()
def retry(stack_outputs: Outputs) -> None:
    """Put what was given up back on the list; `purges drain` then tries it again."""
    from registry.catalog.outbox import Outbox
    from registry.target import read_target

    print(f"put {Outbox(read_target(stack_outputs).repository).revive()} back on the list")
