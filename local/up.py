"""`make up`: starts the sandbox and deploys the stack `local` in it. Steps that are already done are skipped."""

from __future__ import annotations

import fcntl
import getpass
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from emulation import services
from emulation.engine.find import Report, ensure_engine
from emulation.layout import Sandbox
from local import health, machines, operator, prerequisites
from local.checkout import CHECKOUT
from local.clients import ensure_clients, forget_clients
from local.stack import STACK, LocalStack


class BusyError(Exception):
    """Raised when another `make up` or `make down` is running for the same sandbox."""


def up(sandbox: Sandbox, report: Report) -> str:
    """Starts the sandbox, provisions the stack, configures the clients and returns the URL of the registry."""
    prerequisites.check_directory(sandbox)
    prerequisites.ensure(report)
    with alone(sandbox):
        engine = ensure_engine(report)
        report("starting the emulated clouds")
        # A newly started emulated AWS is empty, because it keeps its state in memory. In this case, `pulumi up` has to
        # refresh the stack's state, and clients need new tokens.
        volatile = "aws" in services.start(sandbox, services.CLOUDS)
        sandbox.record_network()
        outputs = _provision(sandbox, LocalStack(engine, sandbox), report, refresh=volatile)
        report("starting DNS and machines")
        machines.start_stopped(sandbox, outputs, report)
        services.start(sandbox, services.RUNTIME)
        health.wait(sandbox, outputs, report)
        for line in operator.publish_samples(sandbox, outputs):
            report(line)
        if volatile:
            forget_clients(sandbox)
        ensure_clients(sandbox, outputs["url"], partial(operator.issue_token, sandbox, outputs))
        return outputs["url"]


def _provision(sandbox: Sandbox, stack: LocalStack, report: Report, *, refresh: bool) -> Mapping[str, Any]:
    report("creating the keys between the tiers")
    operator.make_keys(sandbox, STACK, CHECKOUT / "stacks")
    operator.add_edge_zone(sandbox, STACK, CHECKOUT / "stacks")
    report(f"running `pulumi up` on stack {STACK}")
    stack.select()
    report(f"  {_in_words(stack.up(refresh=refresh))}")
    return stack.outputs()


@contextmanager
def alone(sandbox: Sandbox) -> Generator[None]:
    """Locks the sandbox for a `with` block. Raises BusyError when another `make up` or `make down` has the lock.

    The lock file says which process has the lock.
    """
    with sandbox.path("run", "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise BusyError(
                f"another `make up` or `make down` is running in {sandbox.directory} ({lock.read()}); "
                "wait until it ends"
            ) from None
        lock.truncate(0)
        lock.write(f"started by {getpass.getuser()}, pid {os.getpid()}, at {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        lock.flush()
        yield


def _in_words(changes: Mapping[str, int]) -> str:
    """Summarizes the resources that a deployment changed, such as `78 created` or `0 changes (78 resources)`."""
    done = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}
    parts = [f"{changes[kind]} {word}" for kind, word in done.items() if changes.get(kind)]
    return ", ".join(parts) or f"0 changes ({changes.get('same', 0)} resources)"
