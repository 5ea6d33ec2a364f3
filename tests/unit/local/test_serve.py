"""Tests that `python -m local serve` leaves no process and no directory of the sandbox behind if it fails or is
terminated.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulation import processes
from emulation.engine.find import Report
from emulation.layout import Sandbox
from local import serve
from local.serve import RunningError
from local.stack import StackError


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    # `check_directory` would fail, because Traffic Server's user cannot enter pytest's temporary directories. These
    # tests do not start Traffic Server. They therefore use `check_content` instead, which checks only the files in a
    # directory.
    monkeypatch.setattr(serve.prerequisites, "check_directory", serve.prerequisites.check_content)
    before = signal.getsignal(signal.SIGTERM)
    yield Sandbox(directory=tmp_path / "sandbox", loopback="127.0")
    signal.signal(signal.SIGTERM, before)


def started(sandbox: Sandbox) -> int:
    """Starts a process of the sandbox that runs until another process ends it. Returns its pid."""
    return processes.start(sandbox, "sleeper", ["sleep", "1000"])


def replace_up(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> list[int]:
    """Replaces `up`, the function with which `serve` starts the processes of a sandbox. The replacement starts a single
    process, and then calls `then`, for example to fail or to interrupt the start.

    Returns a list. The replacement appends the pid of its process to the list.
    """
    pids: list[int] = []

    def up(sandbox: Sandbox, report: Report) -> str:
        pids.append(started(sandbox))
        then()
        return "https://packages.test"

    monkeypatch.setattr(serve, "up", up)
    return pids


def fail() -> None:
    raise StackError("the policy refuses it")


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_while_the_network_starts_ends_every_process(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = replace_up(monkeypatch, terminate)
    reports: list[str] = []
    serve.serve(sandbox, "127.0.0.1", 0, reports.append)
    assert not running(pids) and not sandbox.directory.exists()
    assert reports == ["interrupted while the network was starting", "ending every process"]


def test_a_network_that_does_not_start_ends_every_process(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = replace_up(monkeypatch, fail)
    with pytest.raises(StackError, match="the policy refuses it"):
        serve.serve(sandbox, "127.0.0.1", 0, print)
    assert not running(pids) and not sandbox.directory.exists()


def test_a_running_network_is_left_alone(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_up(monkeypatch, fail)
    sandbox.path("run", "lock").touch()  # `make up` locks the sandbox with this file.
    pid = started(sandbox)
    try:
        with pytest.raises(RunningError, match=f"{sandbox.directory}; end it with: make down"):
            serve.serve(sandbox, "127.0.0.1", 0, print)
        assert running([pid])
    finally:
        processes.stop(sandbox, "sleeper")


def test_files_of_a_killed_network_are_removed_before_the_start(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = sandbox.path("pulumi", "state", "checkpoint.json")
    old.touch()
    seen: list[bool] = []

    def look() -> None:
        seen.append(old.exists())
        terminate()

    replace_up(monkeypatch, look)
    serve.serve(sandbox, "127.0.0.1", 0, print)
    assert seen == [False]


def running(pids: list[int]) -> list[int]:
    """Returns the pids of processes that have not ended.

    An ended process can stay in the process table as a zombie until its parent reads the exit status.
    """
    return [pid for pid in pids if state(pid) not in "ZX"]


def state(pid: int) -> str:
    """Returns the letter of a process's state (proc(5)). If the process does not exist, returns X, the letter of a dead
    process.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"
