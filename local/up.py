"""`make up`: from a checkout to a network that serves, in steps that each may be found done already."""

from __future__ import annotations

import fcntl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from emulation import services
from emulation.engine.find import Report, ensure_engine
from emulation.layout import World
from local import health, operator, prerequisites
from local.checkout import CHECKOUT
from local.clients import ensure_clients, forget_clients
from local.stack import STACK, LocalStack


class BusyError(Exception):
    """Another command is at work on this world."""


def up(world: World, report: Report) -> str:
    """Brings the world up, configures its clients and returns the URL that they are served at."""
    prerequisites.ensure(report)
    prerequisites.check_directory(world.directory)
    with alone(world):
        engine = ensure_engine(report)
        report("starting the emulated clouds")
        forgetful = "aws" in services.start(world, services.CLOUDS)  # it keeps nothing when it ends
        world.settle()
        outputs = _provision(world, LocalStack(engine, world), report, refresh=forgetful)
        report("starting DNS and machines")
        services.start(world, services.RUNTIME)
        health.wait(world, outputs, report)
        for line in operator.publish_samples(world, outputs):
            report(line)
        if forgetful:
            forget_clients(world)
        ensure_clients(world, outputs["url"], partial(operator.issue_token, world, outputs))
        return outputs["url"]


def _provision(world: World, stack: LocalStack, report: Report, *, refresh: bool) -> Mapping[str, Any]:
    report("making the keys between the tiers")
    operator.make_keys(world, STACK, CHECKOUT / "stacks")
    report(f"pulumi up on stack {STACK}")
    stack.select()
    report(f"  {_in_words(stack.up(refresh=refresh))}")
    return stack.outputs()


@contextmanager
def alone(world: World) -> Generator[None]:
    """Keeps two commands from changing one world at once. Raises BusyError."""
    with world.path("run", "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"another `make up` or `make down` is at work in {world.directory}; wait for it") from None
        yield


def _in_words(changes: Mapping[str, int]) -> str:
    """`78 created`, or `0 changes (78 resources)`."""
    done = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}
    parts = [f"{changes[kind]} {word}" for kind, word in done.items() if changes.get(kind)]
    return ", ".join(parts) or f"0 changes ({changes.get('same', 0)} resources)"
