"""Runs the whole package-distribution network on this machine, in the foreground (`python -m local serve`). Like `make
up`, the command starts the emulated clouds and deploys the stack `local` to them. It also opens a port for clients on
other machines.

The container that the Dockerfile builds runs this command. The emulated clouds keep their state in memory, so each
start deploys the stack again.
"""

from __future__ import annotations

import shutil
import signal
from types import FrameType
from typing import NoReturn

from emulation import processes, services
from emulation.engine.find import Report
from emulation.layout import CLIENT_LOCATION_PORT, CLIENT_LOCATIONS, Sandbox
from local import prerequisites
from local.relay import forward
from local.up import up


class RunningError(Exception):
    """Raised when processes of the sandbox (the emulated clouds on this machine) already run."""


def serve(sandbox: Sandbox, address: str, port: int, report: Report) -> None:
    """Starts the network as `make up` does. Forwards connections that arrive at `address` and `port` to the proxy of
    the first client location, an emulated place from which clients connect. At SIGINT or SIGTERM, ends every
    process of the sandbox.

    Raises RunningError if a network already runs in the sandbox's directory, and leaves that network running. Raises
    PortTaken if `port` cannot be used. Also raises the errors of `up`. If an error other than RunningError occurs, the
    function first ends every process that it has started.
    """
    prerequisites.check_directory(sandbox)
    if any(processes.pid_of(sandbox, name) for name in processes.names(sandbox)):
        raise RunningError(f"a network runs already in {sandbox.directory}; end it with: make down")
    signal.signal(signal.SIGTERM, _interrupt)
    # If the sandbox's container was killed, files of the earlier sandbox remain, although none of its processes runs.
    # The new sandbox must start without these files.
    shutil.rmtree(sandbox.directory, ignore_errors=True)
    try:
        up(sandbox, report)
        report(f"clients connect through the proxy on port {port}; docs/container.md says how")
        forward(address, port, (sandbox.client_location_address(CLIENT_LOCATIONS[0]), CLIENT_LOCATION_PORT))
    except KeyboardInterrupt:
        report("interrupted while the network was starting")
    finally:
        report("ending every process")
        services.stop_all(sandbox)
        shutil.rmtree(sandbox.directory)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
