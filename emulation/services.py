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
    Sandbox,
)


@dataclass(frozen=True)
class Service:
    """`python -m emulation.<name>`, and whether it answers; nobody can ask one that listens nowhere."""

    name: str
    answers: Callable[[Sandbox], bool] | None = None


CLOUDS = (
    Service("aws", lambda sandbox: processes.listening(sandbox.aws_address, AWS_PORT)),
    Service("cloudflare", lambda sandbox: processes.listening(sandbox.cloudflare_address, CLOUDFLARE_PORT)),
    Service("gcp", lambda sandbox: processes.listening(sandbox.gcp_address, GCP_PORT)),
    Service("providers", lambda sandbox: bool(provider_ports(sandbox))),
)
"""What the engine talks to."""

RUNTIME = (
    Service("dns", client.ready),
    Service("machines"),
    Service("cloud_run", lambda sandbox: processes.listening(sandbox.run_address, RUN_PORT)),
    Service("lambda_runtime", lambda sandbox: processes.listening(sandbox.functions_address, FUNCTIONS_PORT)),
)
"""What makes the provisioned records, machines and functions real."""


class AddressTaken(Exception):
    """Another sandbox uses the addresses of this one; the message says how to choose others."""


def start(sandbox: Sandbox, services: Sequence[Service]) -> list[str]:
    """Starts those that do not run, and returns their names. Raises AddressTaken, ProcessError."""
    started: list[str] = []
    for service in services:
        if processes.pid_of(sandbox, service.name) is None:
            if service.answers is not None and service.answers(sandbox):
                raise AddressTaken(
                    f"the addresses {sandbox.loopback}.0.0/16 are in use by another sandbox ({service.name} answers). "
                    f"Take that one down, or choose another network in the environment: {LOOPBACK_VARIABLE}=127.78"
                )
            started.append(service.name)
            _start(sandbox, service)
    return started


def _start(sandbox: Sandbox, service: Service) -> None:
    answers = service.answers
    processes.start(
        sandbox,
        service.name,
        [sys.executable, "-m", f"emulation.{service.name}", "--directory", sandbox.directory],
        env=cloud_environment(sandbox, {}),
        cwd=IMPORT_ROOT,
        ready=None if answers is None else lambda: answers(sandbox),
    )


def stop_all(sandbox: Sandbox) -> None:
    """Ends every process of the sandbox, the hypervisor before the machines that it would start again."""
    for name in ("machines", *processes.names(sandbox)):
        processes.stop(sandbox, name)
