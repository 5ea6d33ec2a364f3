"""Emulates the command `systemctl` for programs that run on an emulated machine.

A command of a service can call `systemctl` to control other services of the same machine. The emulated `systemctl`
sends its arguments over a Unix socket to the hypervisor, which runs the services. The hypervisor answers these calls
while it waits for the service's command to end.

systemd carries out a command of `systemctl` as a job. A job of a service waits for the jobs of the units in the
service's directive `After`. A command of such a unit must therefore not restart or reload the service: each would wait
for the other.

Reference: systemctl(1) for the commands and the exit codes; systemd.unit(5), `After=`. systemd 252 was seen to wait.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

# The environment variable with the path of the Unix socket to which the emulated `systemctl` sends its arguments.
VARIABLE = "SYSTEMCTL_SOCKET"
_INACTIVE = 3
_LONGEST_REQUEST = 4096

# The source code of the emulated `systemctl`. It sends its arguments to the hypervisor, and exits with the exit code
# that the hypervisor returns.
PROGRAM = f"""#!{sys.executable}
import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as manager:
    manager.connect(os.environ["{VARIABLE}"])
    manager.sendall("\\0".join(sys.argv[1:]).encode())
    sys.exit(int(manager.recv(8)))
"""


class DeadlockError(Exception):
    """Raised when a call of `systemctl` would never return on a real machine."""


class Controlled(Protocol):
    """A systemd service that the programs of an emulated machine can control with `systemctl`. `after` contains the
    units in its directive `After`.
    """

    @property
    def after(self) -> Collection[str]: ...
    def is_active(self) -> bool: ...
    def restart(self) -> bool: ...
    def reload(self) -> bool: ...


class Manager:
    """Listens on a Unix socket for the `systemctl` calls of a command that runs on a machine. The command belongs to
    the unit `caller`. `service` returns the service with a given name.
    """

    def __init__(self, path: Path, caller: str, service: Callable[[str], Controlled]) -> None:
        self.path = path
        self._caller = caller
        self._service = service
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def answer(self, seconds: float) -> None:
        """Carries out one call of `systemctl`. Returns after the given number of seconds if no call arrives.

        Raises DeadlockError if a real `systemctl` would never return.
        """
        self._socket.settimeout(seconds)
        try:
            connection, _ = self._socket.accept()
        except TimeoutError:
            return
        with connection:
            arguments = connection.recv(_LONGEST_REQUEST).decode().split("\0")
            connection.sendall(str(self._code(arguments)).encode())

    def _code(self, arguments: Sequence[str]) -> int:
        """Executes the `systemctl` command with the given arguments, and returns its exit code."""
        match arguments:
            case ["is-active", "--quiet", unit]:
                return 0 if self._service(unit).is_active() else _INACTIVE
            case ["restart", unit]:
                return 0 if self._controlled("restart", unit).restart() else 1
            case ["reload", unit]:
                return 0 if self._controlled("reload", unit).reload() else 1
            case _:
                return 1

    def _controlled(self, verb: str, unit: str) -> Controlled:
        service = self._service(unit)
        if self._caller in service.after:
            raise DeadlockError(
                f"`systemctl {verb} {unit}` never returns: it waits for {self._caller}, which waits for this command; "
                f"remove {self._caller} from After= in {unit}"
            )
        return service
