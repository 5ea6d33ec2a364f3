"""The commands of the outbox, which holds committed changes that are not delivered to readers yet."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from registry.commands import Outputs

if TYPE_CHECKING:
    from registry.delivery.deliver import Delivery
    from registry.target import Target

app = typer.Typer(no_args_is_help=True, help="Committed changes that are not delivered to readers yet.")


@app.command()
def drain(
    stack_outputs: Outputs,
    watch: Annotated[float, typer.Option(help="repeat after this many seconds; 0 runs one pass")] = 0,
    metric: Annotated[bool, typer.Option(help="report the age of the oldest change to the alarms")] = True,
) -> None:
    """Deliver all due changes in the outbox: write the changed documents, purge the edge's caches, and update the list
    of withdrawn artifacts. If a delivery fails, it is repeated after a pause, which grows with each failure.

    Each change is delivered a second time, after all copies that caches stored before the first delivery have expired.
    With --watch, the command continues after a pass that fails, for example because the database does not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from registry import RegistryError
    from registry.target import read_target

    target = read_target(stack_outputs)
    delivery = target.delivery
    if not watch and not _pass(target, delivery, metric):
        sys.exit(1)
    while watch:
        try:
            _pass(target, delivery, metric)
        except (RegistryError, BotoCoreError, ClientError) as error:
            print(f"error: {error}; the next pass tries again", file=sys.stderr, flush=True)
        time.sleep(watch)


def _pass(target: Target, delivery: Delivery, metric: bool) -> bool:
    """Delivers the due changes in the outbox once, and reports the result. Returns whether all deliveries succeeded."""
    report = delivery.drain()
    if metric:
        target.metrics.purges(report.lag, report.dead)
    print(f"delivered {report.delivered}, waiting {report.waiting}, failed too often {report.dead}", flush=True)
    if report.limited:
        limited = f"a later pass purges the objects of {report.limited} changes"
        print(f"the edge refused purges because of its rate limit; {limited}", flush=True)
    for reason in report.delayed:
        print(f"error: {reason}; a later pass retries the delivery", file=sys.stderr, flush=True)
    if report.dead:
        print(
            f"error: {report.dead} changes failed too often; see why with `purges list`, and retry with `purges retry`",
            file=sys.stderr,
            flush=True,
        )
    return not report.delayed and not report.dead


@app.command("list")
def list_all(stack_outputs: Outputs) -> None:
    """List all changes in the outbox: changes whose delivery failed, and changes that wait for a delivery."""
    from registry.catalog.outbox import Outbox
    from registry.target import read_target

    outbox = Outbox(read_target(stack_outputs).repository)
    for intent in [*outbox.dead(), *outbox.pending(), *outbox.repeats()]:
        state = "failed" if intent.state == "dead" else intent.state
        why = f": {intent.error}" if intent.error else ""
        what = " ".join(intent.changes) or f"{len(intent.stale)} objects to purge"
        print(f"{intent.at}  {state:<8} {intent.tries} failed tries  {what}{why}")


@app.command()
def retry(stack_outputs: Outputs) -> None:
    """Put changes back into the outbox if their delivery failed too often. `purges drain` then delivers them again."""
    from registry.catalog.outbox import Outbox
    from registry.target import read_target

    print(f"changes to deliver again: {Outbox(read_target(stack_outputs).repository).revive()}")


@app.command()
def package(
    stack_outputs: Outputs,
    name: Annotated[str, typer.Argument(help="package, such as npm:@acme/web, pypi:requests or oci:team/app")],
) -> None:
    """Remove all objects of a package from the edge's caches. Later requests read the objects from the shields
    (regional caches).
    """
    from registry import RegistryError
    from registry.ecosystems.packages import parse
    from registry.target import read_target

    reference = parse(name)
    if reference.version:
        raise RegistryError(f"{name!r} names a version; a purge is of a whole package: {reference.spec}")
    read_target(stack_outputs).purges().purge_all("packages", reference.spec)
    print(f"purged {reference.spec} at the edge")


@app.command("worker-version")
def worker_version(
    stack_outputs: Outputs,
    version: Annotated[str, typer.Argument(help="stack output `worker_version` of the release to purge")],
) -> None:
    """Remove all objects from the edge's caches that one version of the edge worker has stored. Use this after a bad
    release of the worker.
    """
    from registry.target import read_target

    read_target(stack_outputs).purges().purge_all("versions", version)
    print(f"purged what version {version} of the worker stored at the edge")
