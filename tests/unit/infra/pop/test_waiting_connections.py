"""Tests that clients can connect to a busy service of a PoP machine. Their connections must wait in the kernel's queue.
If the queue is full, the kernel drops new connections, and clients try again only after a second.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from emulation.processes import listening
from tests.support.free_ports import free_ports
from tests.support.waiting import eventually

_PROGRAMS = Path(__file__).parents[4] / "infra/pop/machine/programs"
_TABLE = {"TABLE": "metadata", "TABLE_REGIONS": "eu-west-1"}
_CONNECTIONS = 200


def _arguments(program: str, port: int, directory: Path) -> list[str]:
    return [str(port)] if program == "serve-entitlements" else [str(directory / "tags.db"), str(port), "1"]


@pytest.mark.parametrize("program", ["serve-entitlements", "serve-purges"])
def test_a_busy_service_drops_no_connection(program: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    command = [sys.executable, str(_PROGRAMS / program), *_arguments(program, port, tmp_path)]
    with subprocess.Popen(command, env=os.environ | _TABLE) as service, contextlib.ExitStack() as connections:
        try:
            assert eventually(lambda: listening("127.0.0.1", port))
            service.send_signal(signal.SIGSTOP)  # A stopped process, like a busy one, accepts no connections.
            for _ in range(_CONNECTIONS):
                connections.enter_context(socket.create_connection(("127.0.0.1", port), timeout=1))
        finally:
            service.kill()
