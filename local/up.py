"""`make up`: from a checkout to a network that serves, in steps that each may be found done already."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml

from local import health, prerequisites, services
from local.engine.environment import cloud_environment
from local.engine.find import ensure_engine
from local.layout import CHECKOUT, World
from local.stack import STACK, LocalStack

Report = Callable[[str], None]


class BusyError(Exception):
    """Another command is at work on this world."""


class KeysError(Exception):
    """The keys between the tiers could not be made."""


def up(world: World, report: Report) -> Mapping[str, Any]:
    """Brings the world up and returns the stack's outputs."""
    prerequisites.ensure(report)
    prerequisites.check_directory(world.directory)
    with alone(world):
        return _up(world, report)


def _up(world: World, report: Report) -> Mapping[str, Any]:
    engine = ensure_engine(report)
    world.settle()
    report("starting the emulated clouds")
    forgetful = "aws" in services.start(world, services.CLOUDS)  # it keeps nothing when it ends
    report("making the keys between the tiers")
    _make_keys(world)
    stack = LocalStack(engine, world)
    stack.select()
    report(f"pulumi up on stack {STACK}")
    report(f"  {_in_words(stack.up(refresh=forgetful))}")
    report("starting DNS and machines")
    services.start(world, services.RUNTIME)
    outputs = stack.outputs()
    health.wait(world, outputs, report)
    return outputs


@contextmanager
def alone(world: World) -> Generator[None]:
    """Keeps two commands from changing one world at once. Raises BusyError."""
    with world.path("run", "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"another `make up` or `make down` is at work in {world.directory}; wait for it") from None
        yield


def _make_keys(world: World) -> None:
    """By the operator's own tool, as for a stack on real clouds."""
    config = yaml.safe_load((CHECKOUT / "stacks" / f"Pulumi.{STACK}.yaml").read_text())["config"]
    command = ["registry", "keys", "init", "--environment", STACK]
    command += ["--domain", config["artifact-edge:domain"], "--region", config["aws:region"]]
    result = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=CHECKOUT,
        env={**os.environ, **cloud_environment(world, {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise KeysError(result.stderr.strip())


def _in_words(changes: Mapping[str, int]) -> str:
    """`78 created`, or `0 changes (78 resources)`."""
    done = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}
    parts = [f"{changes[kind]} {word}" for kind, word in done.items() if changes.get(kind)]
    return ", ".join(parts) or f"0 changes ({changes.get('same', 0)} resources)"
