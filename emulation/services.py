"""Starts and ends the processes that emulate a sandbox's clouds. A process starts after the processes that it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    Sandbox,
)


@dataclass(frozen=True)
class Service:
    """One process of a sandbox that emulates a cloud or a part of a cloud, run as `python -m emulation.<name>`.

    The function `answers` returns whether the process is ready. `answers` is None for a process without a listening
    port.
    """

    name: str
    answers: Callable[[Sandbox], bool] | None = None


# The processes that serve the emulated cloud APIs, and the process with the emulated Pulumi providers.
CLOUDS = (
    Service("aws", lambda sandbox: processes.listening(sandbox.aws_address, AWS_PORT)),
    Service("cloudflare", lambda sandbox: processes.listening(sandbox.cloudflare_address, CLOUDFLARE_PORT)),
    Service("gcp", lambda sandbox: processes.listening(sandbox.gcp_address, GCP_PORT)),
    Service("providers", lambda sandbox: bool(provider_ports(sandbox))),
)

# The processes that emulate what runs in the clouds: DNS, accelerators, machines, Cloud Run and Lambda. They serve the
# DNS records, forward connections through the accelerators, and run the machines, services and functions that a Pulumi
# program has created.
RUNTIME = (
    Service("dns", client.ready),
    Service("accelerators"),
    Service("machines"),
    Service("cloud_run", lambda sandbox: processes.listening(sandbox.run_address, RUN_PORT)),
    Service("lambda_runtime", lambda sandbox: processes.listening(sandbox.functions_address, FUNCTIONS_PORT)),
)


# The number of seconds after which a service that does not end is killed. Some services first end processes of their
# own, such as PostgreSQL or the processes of PoPs.
_GRACE_SECONDS = 30.0


class AddressTaken(Exception):
    """Raised when another sandbox already uses the addresses of this sandbox (emulated clouds). The error's message
    says how to choose other addresses.
    """


def start(sandbox: Sandbox, services: Sequence[Service]) -> list[str]:
    """Starts the processes of the sandbox (emulated clouds) that do not run yet, and returns the names of the started
    processes.

    Raises AddressTaken when another sandbox uses the addresses, and ProcessError when a process does not start.
    """
    started: list[str] = []
    for service in services:
        if processes.pid_of(sandbox, service.name) is None:
            if service.answers is not None and service.answers(sandbox):
                raise AddressTaken(
                    f"the addresses {sandbox.loopback}.0.0/16 are in use by another sandbox ({service.name} answers). "
                    f"Stop that sandbox, or choose another network in the environment: {LOOPBACK_VARIABLE}=127.78"
                )
            started.append(service.name)
            _start(sandbox, service)
    return started


def command(sandbox: Sandbox, name: str) -> list[str | Path]:
    """Returns the command that runs the service `name` of a sandbox (emulated clouds)."""
    return [processes.interpreter(), "-m", f"emulation.{name}", "--directory", sandbox.directory]


def _start(sandbox: Sandbox, service: Service) -> None:
    answers = service.answers
    processes.start(
        sandbox,
        service.name,
        command(sandbox, service.name),
        env=cloud_environment(sandbox, {}),
        cwd=IMPORT_ROOT,
        ready=None if answers is None else lambda: answers(sandbox),
    )


def stop_all(sandbox: Sandbox) -> None:
    """Ends every process of the sandbox. The processes that emulate clouds end first, because some of them start
    further processes, such as those of machines.
    """
    for service in reversed((*CLOUDS, *RUNTIME)):
        processes.stop(sandbox, service.name, grace=_GRACE_SECONDS)
    for name in processes.names(sandbox):
        processes.stop(sandbox, name)
