"""Starts, finds and ends the processes of a sandbox (emulated clouds on this machine).

Each process of the sandbox has a file with its pid and its start time. The start time shows whether the system has
given the pid to another process since then.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from emulation.layout import LOOPBACK_VARIABLE, Sandbox

# The number of seconds that a process of the sandbox (emulated clouds) may take to start. On an idle machine, every
# process starts within 5 seconds. With several sandboxes on two cores, the emulated Pulumi providers took more than 30
# seconds.
_START_SECONDS = 120.0

# The name of an environment variable with the path of the Python interpreter that runs the emulated clouds, the Pulumi
# programs and the registry's commands. The tests set it to an interpreter that starts faster
# (tests/support/forked_python).
INTERPRETER_VARIABLE = "EMULATION_INTERPRETER"


class ProcessError(Exception):
    """Raised when a process of the sandbox (emulated clouds) does not start. The error's message names the process and
    its log file.
    """


def interpreter() -> str:
    """Returns the path of the Python interpreter that runs the emulated clouds, the Pulumi programs and the registry's
    commands. Unless the environment names another one, this is the interpreter of this process.
    """
    return os.environ.get(INTERPRETER_VARIABLE, sys.executable)


def start(
    sandbox: Sandbox,
    name: str,
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: str | None = None,
    ready: Callable[[], bool] | None = None,
    timeout: float = _START_SECONDS,
) -> int:
    """Starts a process of the sandbox (emulated clouds) in the background and returns its pid. If a process with this
    name still runs, only returns the pid of that process.

    The process gets the caller's environment, the sandbox's loopback network and the variables in `env`. The output of
    the process goes to `logs/<name>.log`. If `ready` is given, the call waits up to `timeout` seconds until `ready`
    returns true. Raises ProcessError, with the end of the log, when the process ends or is not ready in time.
    """
    running = pid_of(sandbox, name)
    if running is not None:
        return running
    log = sandbox.path("logs", f"{name}.log")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in argv],
            env={**os.environ, LOOPBACK_VARIABLE: sandbox.loopback, **(env or {})},
            cwd=cwd,
            user=user,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    record(sandbox, name, process.pid)
    if ready is not None:
        _wait_until_ready(process, name, log, ready, timeout)
    return process.pid


def stop(sandbox: Sandbox, name: str, *, grace: float = 5.0, killed_within: float = 60.0) -> None:
    """Ends a process of the sandbox (emulated clouds) and its process group: SIGTERM, then SIGKILL after `grace`
    seconds.

    Raises ProcessError when the process still runs `killed_within` seconds after SIGKILL.
    """
    pid = pid_of(sandbox, name)
    if pid is not None:
        _signal_group(pid, signal.SIGTERM)
        if not _gone_within(pid, grace):
            _signal_group(pid, signal.SIGKILL)
            if not _gone_within(pid, killed_within):
                raise ProcessError(f"{name} (process {pid}) still runs {killed_within:.0f} s after SIGKILL")
    forget(sandbox, name)


def record(sandbox: Sandbox, name: str, pid: int) -> None:
    """Registers a running process as a process of the sandbox (emulated clouds). `make down` ends all registered
    processes. The process must lead a process group.
    """
    sandbox.path("run", f"{name}.pid").write_text(f"{pid} {_start_time(pid)}\n")


def forget(sandbox: Sandbox, name: str) -> None:
    """Deletes the pid file of a process of the sandbox (emulated clouds) that has ended."""
    sandbox.path("run", f"{name}.pid").unlink(missing_ok=True)


def names(sandbox: Sandbox) -> list[str]:
    """Returns the names of all processes of the sandbox (emulated clouds) that have a pid file, whether they still run
    or not.
    """
    return sorted(path.stem for path in sandbox.path("run", "x").parent.glob("*.pid"))


def pid_of(sandbox: Sandbox, name: str) -> int | None:
    """Returns the pid of the process `name` in the sandbox (emulated clouds), or None if it does not run."""
    try:
        pid, started = sandbox.path("run", f"{name}.pid").read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if _start_time(int(pid)) == started else None


def listening(address: str, port: int) -> bool:
    """Returns whether a process accepts TCP connections at the address and port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((address, port)) == 0


def _wait_until_ready(
    process: subprocess.Popen[bytes], name: str, log: Path, ready: Callable[[], bool], timeout: float
) -> None:
    deadline = time.monotonic() + timeout
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            state = f"ended with {process.returncode}" if process.returncode is not None else "is not ready"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise ProcessError(f"{name} {state} (log: {log})\n{tail}")
        time.sleep(0.1)


def _start_time(pid: int) -> str:
    """Returns the time at which a process started, in ticks since the machine booted: field 22 of /proc/<pid>/stat
    (proc(5)).

    The result is empty when the process does not exist or when all its threads have ended.
    """
    fields = _stat(Path(f"/proc/{pid}/stat"))
    # A process still runs if one of its threads runs. If only the first thread has ended, the process looks like a
    # zombie, but its other threads still use its sockets.
    threads = (_stat(directory / "stat") for directory in _threads(pid))
    return fields[19] if fields and any(thread and thread[0] not in "ZX" for thread in threads) else ""


def _threads(pid: int) -> list[Path]:
    """Returns the /proc directories of a process's threads. Returns an empty list when the process ends before or while
    the function reads the list.
    """
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []


def _stat(path: Path) -> list[str]:
    """Returns the fields of a /proc/<pid>/stat file that follow the name of the command. Returns an empty list when the
    file does not exist."""
    try:
        return path.read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return []


def _signal_group(pid: int, sig: signal.Signals) -> None:
    try:
        os.killpg(pid, sig)
    except ProcessLookupError:
        return


def _gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _start_time(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
