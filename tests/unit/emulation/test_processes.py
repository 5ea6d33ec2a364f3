"""Tests the processes of a sandbox. Each process must start only once, can be found again, and ends together with its
child processes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from emulation import processes
from emulation.layout import Sandbox
from tests.support.waiting import eventually

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(directory=tmp_path, loopback="127.90")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_second_start_finds_the_running_process(sandbox: Sandbox) -> None:
    first = processes.start(sandbox, "sleeper", SLEEPER)
    try:
        assert processes.start(sandbox, "sleeper", SLEEPER) == first
        assert processes.names(sandbox) == ["sleeper"]
    finally:
        processes.stop(sandbox, "sleeper")
    assert not alive(first)
    assert processes.names(sandbox) == []


def test_stop_ends_what_the_process_started(sandbox: Sandbox) -> None:
    child_file = sandbox.path("child")
    code = (
        "import subprocess, sys, time; "
        f"c = subprocess.Popen({SLEEPER!r}); open({str(child_file)!r}, 'w').write(str(c.pid)); time.sleep(60)"
    )
    processes.start(
        sandbox,
        "parent",
        [sys.executable, "-c", code],
        ready=lambda: child_file.exists() and bool(child_file.read_text()),
    )
    child = int(child_file.read_text())
    processes.stop(sandbox, "parent")
    # `stop` signals the whole process group, but waits only for the process `parent`. The child may end later.
    assert eventually(lambda: not alive(child))


def test_a_reused_pid_is_not_the_sandboxs_process(sandbox: Sandbox) -> None:
    sandbox.path("run", "other.pid").write_text(f"{os.getpid()} 1\n")
    assert processes.pid_of(sandbox, "other") is None
    processes.stop(sandbox, "other")
    assert alive(os.getpid())


def test_a_process_can_end_at_any_moment_of_a_query(sandbox: Sandbox) -> None:
    """Queries the state of 300 processes, one after the other, while each of them ends. There is no pause between the
    queries, so that some processes end during a query.
    """
    for _ in range(300):
        process = subprocess.Popen(["sleep", "60"])
        waiting = threading.Thread(target=process.wait)
        waiting.start()
        processes.record(sandbox, "ending", process.pid)
        assert processes.pid_of(sandbox, "ending") == process.pid
        process.kill()
        while processes.pid_of(sandbox, "ending") is not None:
            pass
        waiting.join()


def test_a_process_that_ends_early_is_reported_with_its_log(sandbox: Sandbox) -> None:
    failing = [sys.executable, "-c", "import sys; print('no such region: mars-1'); sys.exit(3)"]
    with pytest.raises(processes.ProcessError, match=r"broken ended with 3 .*\n(.*\n)*.*no such region: mars-1"):
        processes.start(sandbox, "broken", failing, ready=lambda: False)


def test_listening_distinguishes_open_and_closed_ports() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert processes.listening("127.0.0.1", port)
    assert not processes.listening("127.0.0.1", port)


def test_a_process_runs_until_its_last_thread_has_ended(sandbox: Sandbox) -> None:
    """Checks a process whose first thread ends before another thread. The process must still count as running. Its
    other threads keep its sockets open.
    """
    first_thread_ends = (
        "import ctypes, threading, time; "
        "threading.Thread(target=time.sleep, args=(60,)).start(); "
        # The system call exit(2) ends only the first thread. The process continues with the second thread.
        "ctypes.CDLL(None).syscall(60, 0)"
    )
    pid_file = sandbox.path("run", "threads.pid")
    pid = processes.start(
        sandbox,
        "threads",
        [sys.executable, "-c", first_thread_ends],
        ready=lambda: not alive(int(pid_file.read_text().split()[0])),
    )
    try:
        assert processes.pid_of(sandbox, "threads") == pid
    finally:
        processes.stop(sandbox, "threads")
    assert processes.pid_of(sandbox, "threads") is None
