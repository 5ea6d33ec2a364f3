"""The processes that stand where the clouds would, in the order in which they come up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emulation import processes
from emulation.dns import client
from emulation.engine.environment import cloud_environment, provider_ports
from emulation.layout import (
    AWS_PORT,
    CLOUDFLARE_PORT,
    FUNCTIONS_PORT,
    GCP_PORT,
    IMPORT_ROOT,
    LOOPBACK_VARIABLE,
    RUN_PORT,
    World,
)


@dataclass(frozen=True)
class Service:
    """`python -m emulation.<name>`, and whether it answers; nobody can ask one that listens nowhere."""

    name: str
    answers: Callable[[World], bool] | None = None


CLOUDS = (
    Service("aws", lambda world: processes.listening(world.aws_address, AWS_PORT)),
    Service("cloudflare", lambda world: processes.listening(world.cloudflare_address, CLOUDFLARE_PORT)),
    Service("gcp", lambda world: processes.listening(world.gcp_address, GCP_PORT)),
    Service("providers", lambda world: bool(provider_ports(world))),
)
"""What the engine talks to."""

RUNTIME = (
    Service("dns", client.ready),
    Service("machines"),
    Service("cloud_run", lambda world: processes.listening(world.run_address, RUN_PORT)),
    Service("lambda_runtime", lambda world: processes.listening(world.functions_address, FUNCTIONS_PORT)),
)
"""What makes the provisioned records, machines and functions real."""


class AddressTaken(Exception):
    """Another world uses the addresses of this one; the message says how to choose others."""


def start(world: World, services: Sequence[Service]) -> list[str]:
    """Starts those that do not run, and returns their names. Raises AddressTaken, ProcessError."""
    started: list[str] = []
    for service in services:
        if processes.pid_of(world, service.name) is None:
            if service.answers is not None and service.answers(world):
                raise AddressTaken(
                    f"the addresses {world.loopback}.0.0/16 are in use by another world ({service.name} answers). "
                    f"Take that one down, or choose another network in the environment: {LOOPBACK_VARIABLE}=127.78"
                )
            started.append(service.name)
            _start(world, service)
    return started


def _start(world: World, service: Service) -> None:
    answers = service.answers
    processes.start(
        world,
        service.name,
        [sys.executable, "-m", f"emulation.{service.name}", "--directory", world.directory],
        env=cloud_environment(world, {}),
        cwd=IMPORT_ROOT,
        ready=None if answers is None else lambda: answers(world),
    )


def stop_all(world: World) -> None:
    """Ends every process of the world, the hypervisor before the machines that it would start again."""
    for name in ("machines", *processes.names(world)):
        processes.stop(world, name)
