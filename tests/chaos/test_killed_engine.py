"""Kills `pulumi up` and `pulumi destroy` at pseudo-random moments, then repairs the Pulumi state as docs/state.md
describes.

`make test-kills` runs the tests of all moments, which takes about half an hour. Each test uses two moments: one of
`pulumi up` and one of `pulumi destroy`. The moments are the same in each run, so that `-k` repeats a test that failed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from drift.__main__ import differences
from drift.aws import compare
from drift.state import State, read
from emulation import services
from emulation.engine.environment import cloud_environment, shell_environment
from emulation.engine.find import ensure_engine
from emulation.layout import Sandbox
from local import operator
from local.checkout import CHECKOUT
from local.stack import PASSPHRASE, STACK

LOOPBACK = "127.96"
MOMENTS = 50
SEED = 24
# The tests kill an operation at most after this number of writes of the Pulumi state. The stack has about 200
# resources, and the engine writes the state at the start and at the end of the operation on each resource.
WRITES = {"up": 340, "destroy": 340}


class Stack:
    """Runs Pulumi commands on the stack `local`, which is deployed to emulated clouds that run no machines."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._environment = {**os.environ, **shell_environment(ensure_engine(print), sandbox, passphrase=PASSPHRASE)}
        self._state = sandbox.path("pulumi", "state", ".pulumi", "stacks", "artifact-edge", f"{STACK}.json")
        self.log = sandbox.path("logs", "killed.log")

    def run(self, *command: str) -> str:
        done = subprocess.run(command, cwd=CHECKOUT, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}{done.stderr[-6000:]}"
        return done.stdout

    def pulumi(self, *arguments: str) -> str:
        return self.run("pulumi", *arguments, "--stack", STACK, "--non-interactive")

    def repair(self) -> str:
        return self.run(sys.executable, "-m", "drift.repair", "--stack", STACK, "--unlock")

    def kill(self, operation: str, writes: int) -> None:
        """Starts a Pulumi operation. After `writes` writes of the Pulumi state, kills the engine and its child
        processes.
        """
        engine = self._started(operation, writes)
        program = _children(engine.pid)
        engine.kill()
        for pid in program:
            with suppress(ProcessLookupError):  # the Pulumi program may end together with the Pulumi engine
                os.kill(pid, signal.SIGKILL)
        engine.wait()

    def interrupt(self, operation: str, writes: int, *, times: int) -> str:
        """Starts a Pulumi operation, and interrupts it after `writes` writes of the Pulumi state.

        The engine gets `times` interrupts, as from Ctrl-C. Returns the output of the Pulumi engine.
        """
        engine = self._started(operation, writes)
        for number in range(times):
            engine.send_signal(signal.SIGINT)
            # The engine prints "^C received" for each signal. The loop checks the log every millisecond, because the
            # engine may end before it receives the next signal.
            while self.log.read_text().count("^C received") <= number and engine.poll() is None:
                time.sleep(0.001)
        engine.wait(timeout=120)
        return self.log.read_text()

    def _started(self, operation: str, writes: int) -> subprocess.Popen[bytes]:
        """Starts a Pulumi operation. Returns after `writes` writes of the state, or when the engine has ended."""
        with self.log.open("w") as log:
            engine = subprocess.Popen(
                ["pulumi", operation, "--yes", "--skip-preview", "--stack", STACK, "--non-interactive"],
                cwd=CHECKOUT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        left, version = writes, self._version()
        while left and engine.poll() is None:
            if version != (version := self._version()):
                left -= 1
        return engine

    def _version(self) -> tuple[int, int]:
        try:
            status = self._state.stat()
        except FileNotFoundError:
            return 0, 0
        return status.st_ino, status.st_mtime_ns


def _children(pid: int) -> list[int]:
    lists = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for children in lists for child in children]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="ae-") as directory:
        Path(directory).chmod(0o755)  # Traffic Server runs as another user, who must enter this directory
        sandbox = Sandbox(directory=Path(directory), loopback=LOOPBACK)
        try:
            services.start(sandbox, services.CLOUDS)
            operator.make_keys(sandbox, STACK, CHECKOUT / "stacks")
            operator.add_edge_zone(sandbox, STACK, CHECKOUT / "stacks")
            stack = Stack(sandbox)
            stack.run("pulumi", "stack", "select", "--create", STACK, "--non-interactive")
            with pytest.MonkeyPatch.context() as patch:
                for name, value in cloud_environment(sandbox, {}).items():
                    patch.setenv(name, value)
                yield stack
        finally:
            services.stop_all(sandbox)


def moments(number: int) -> tuple[int, int]:
    """Chooses the moments at which the test with this number kills `pulumi up` and `pulumi destroy`.

    Each moment is a count of writes of the Pulumi state. Returns the count for `up` and the count for `destroy`.
    """
    chosen = random.Random(f"{SEED} {number}")  # noqa: S311  no secret
    return chosen.randint(1, WRITES["up"]), chosen.randint(1, WRITES["destroy"])


def test_ctrl_c_once_leaves_no_lock_and_nothing_to_repair(stack: Stack) -> None:
    for operation in ("up", "destroy"):
        assert "^C received; cancelling" in stack.interrupt(operation, 60, times=1)
        exported = json.loads(stack.pulumi("stack", "export"))
        assert exported["deployment"]["resources"]
        assert exported["deployment"].get("pending_operations", []) == []
        assert differences(read(exported)) == []
        stack.pulumi(operation, "--yes", "--skip-preview")


def test_one_command_repairs_the_state_after_ctrl_c_twice(stack: Stack) -> None:
    for operation in ("up", "destroy"):
        assert "^C received; terminating" in stack.interrupt(operation, 60, times=2)
        assert "have the same resources" in stack.repair()
        stack.pulumi(operation, "--yes", "--skip-preview")
    assert compare(State("artifact-edge", STACK, [])).lines() == []


@pytest.mark.parametrize("number", range(MOMENTS // 2))
def test_one_command_repairs_the_state_after_a_killed_engine(stack: Stack, number: int) -> None:
    up, destroy = moments(number)

    stack.kill("up", up)
    assert "have the same resources" in stack.repair()
    stack.pulumi("up", "--yes", "--skip-preview")
    stack.pulumi("preview", "--refresh", "--expect-no-changes")

    stack.kill("destroy", destroy)
    assert "have the same resources" in stack.repair()
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert compare(State("artifact-edge", STACK, [])).lines() == []
