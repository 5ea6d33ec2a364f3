"""Tests that the services of a PoP machine let connections wait while the services are busy. The kernel drops the
connections that find no room, and a dropped connection is tried again only after one second.
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
            service.send_signal(signal.SIGSTOP)  # a stopped service, like a busy one, accepts no connections
            for _ in range(_CONNECTIONS):
                connections.enter_context(socket.create_connection(("127.0.0.1", port), timeout=1))
        finally:
            service.kill()
