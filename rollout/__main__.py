"""`python -m rollout`: releases the edge worker by percentage."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from cloudflare import Cloudflare, CloudflareError

from infra.edge.bundle import BundleError, compile_worker
from infra.edge.cloudflare import worker_script
from rollout import RolloutError
from rollout.error_rates import ErrorRates
from rollout.verdict import Rule, Verdict
from rollout.watch import Waiting, counts, described, watch
from rollout.worker import Worker
from stacks.config import ConfigError
from stacks.stack_file import StackFileError, read_stack

_ROOT = Path(__file__).parents[1]
# Exit codes. _ROLLED_BACK is the exit code of the command `watch` after an automatic rollback. _FAILED is the exit code
# of any command that fails.
_ROLLED_BACK, _FAILED = 1, 2

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

StackName = Annotated[str, typer.Option("--stack", help="name of the stack, such as prod")]
Percent = Annotated[int, typer.Option(min=1, max=100, help="percentage of the requests that the new version answers")]


@app.command()
def start(
    stack: StackName,
    percent: Annotated[
        int, typer.Option(min=1, max=99, help="percentage of the requests that the new version answers")
    ] = 10,
    bundle: Annotated[
        Path | None, typer.Option(help="file with the compiled worker; by default, the worker of the checkout")
    ] = None,
) -> None:
    """Upload the worker of the checkout as a new version, and let it answer some of the requests.

    The new version takes over all bindings of the version that answers now. This command therefore releases only code.
    Only `pulumi up` changes settings.
    """
    source = bundle.read_text() if bundle else compile_worker(_ROOT / "workers" / "edge")
    worker, _ = _of(stack)
    worker.start(source, percent)
    _show(worker)


@app.command()
def status(stack: StackName) -> None:
    """Show the versions of the edge worker that answer requests: the percentage of each version, and its requests and
    errors since the deployment.
    """
    worker, rates = _of(stack)
    now = worker.serving()
    if now.new is None:
        _show(worker)
        return
    for line in described(now.new, now.percentage, now.old, counts(now, rates)):
        print(line)


@app.command()
def advance(stack: StackName, percent: Percent) -> None:
    """Let the new version answer more of the requests. If it answers 100 % of them, the release ends."""
    worker, _ = _of(stack)
    worker.advance(percent)
    _show(worker)


@app.command()
def rollback(stack: StackName) -> None:
    """Let the previous version answer all requests again, within seconds.

    During a release, the previous version is the version from before the release.
    """
    worker, _ = _of(stack)
    left, kept = worker.roll_back()
    print(f"rolled back: {kept.name} answers all requests, {left.name} none")
    _say_how_to_purge(left.name)


@app.command("watch")
def watch_release(
    stack: StackName,
    then: Annotated[
        list[int] | None,
        typer.Option(min=2, max=100, help="percentage to advance to once the new version is good; can be repeated"),
    ] = None,
    minimum: Annotated[int, typer.Option(min=1, help="requests to each version before the first test")] = Rule.minimum,
    requests: Annotated[
        int, typer.Option(min=1, help="requests to the new version after which it is good")
    ] = Rule.enough,
    risk: Annotated[
        float, typer.Option(min=0, max=0.5, help="probability of a rollback of a version that is not worse")
    ] = Rule.risk,
    tolerance: Annotated[
        float, typer.Option(min=0, max=1, help="difference of the error rates that never leads to a rollback")
    ] = Rule.tolerance,
    every: Annotated[float, typer.Option(min=0.1, help="seconds between two queries")] = 15,
    minutes: Annotated[float, typer.Option(min=0, help="longest time for each percentage")] = 60,
) -> None:
    """Compare the error rates of the new and the old version, and roll back automatically if the new version fails more
    often.

    An error is a response with a status of 500 or more, or an invocation without a response. The exit code is 0 if the
    new version is good, and 1 after a rollback. The exit code is 2 if the errors allow no decision. In this case, each
    version keeps its percentage of the requests.
    """
    worker, rates = _of(stack)
    new, _ = worker.serving().under_way()
    rule = Rule(minimum, requests, risk, tolerance)
    waiting = Waiting(every, minutes * 60, time.monotonic, time.sleep)
    found = watch(worker, rates, rule, then or [], waiting, lambda line: print(line, flush=True))
    if found is Verdict.WORSE:
        _say_how_to_purge(new.name)
        raise typer.Exit(_ROLLED_BACK)
    if found is Verdict.UNDECIDED:
        raise RolloutError("too few requests in time; the percentages stay. Watch on, advance or roll back")


def _of(stack: str) -> tuple[Worker, ErrorRates]:
    found, _ = read_stack(_ROOT / "stacks", stack)
    api, account, script = Cloudflare(max_retries=5), found.config.edge.account_id, worker_script(found.prefix)
    if api.api_token is None:
        raise RolloutError("CLOUDFLARE_API_TOKEN is not set: put your Cloudflare API token into this variable")
    return Worker(api, account, script), ErrorRates(api, account, script)


def _show(worker: Worker) -> None:
    now = worker.serving()
    if now.new is None:
        print(f"{now.old.name} answers all requests")
    else:
        print(f"{now.new.name} answers {now.percentage:g} % of the requests, {now.old.name} the others")


def _say_how_to_purge(version: str) -> None:
    print(
        "if it stored wrong responses in L1, remove them: "
        f"python -m registry purges worker-version {version} --stack-outputs outputs.json"
    )


def main() -> None:
    try:
        app()
    except (RolloutError, StackFileError, ConfigError, BundleError, CloudflareError, OSError) as error:
        print("\n".join(f"error: {line}" for line in str(error).splitlines()), file=sys.stderr)
        sys.exit(_FAILED)


if __name__ == "__main__":
    main()
