"""Runs Pulumi on a stack in emulated clouds, and causes faults in the middle of `pulumi up` and `pulumi destroy`."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytest

from emulation import processes, services
from emulation.engine.environment import cloud_environment, shell_environment
from emulation.engine.find import ensure_engine
from emulation.layout import LOOPBACK_VARIABLE, Sandbox
from local import operator
from local.checkout import CHECKOUT
from local.stack import PASSPHRASE, STACK
from tests.chaos.deletions import delete
from tests.support.enterable_directory import enterable_directory
from tests.support.runbooks import Runbook, runbook

PAGE = "docs/state.md"
# The default loopback network of the sandbox (the emulated clouds on this machine) is 127.96.0.0/16. The environment
# variable ARTIFACT_EDGE_LOOPBACK overrides it.
LOOPBACK = "127.96"
# In the output of `drift.repair`, this string comes before the ARN of each AWS resource that the Pulumi state lacks.
_ORPHAN = "missing from the state: "


class Stack:
    """Runs Pulumi commands on the stack `local`, which is deployed to emulated clouds that run no machines."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.find_providers()
        self._state = sandbox.path("pulumi", "state", ".pulumi", "stacks", "artifact-edge", f"{STACK}.json")
        self.log = sandbox.path("logs", "killed.log")

    def find_providers(self) -> None:
        """Reads the ports on which the emulated Pulumi providers listen, and passes them to all later Pulumi commands.
        The ports are different after each start of the providers.
        """
        engine = ensure_engine(print)
        self._environment = {**os.environ, **shell_environment(engine, self._sandbox, passphrase=PASSPHRASE)}

    def run(self, *command: str) -> str:
        done = subprocess.run(command, cwd=CHECKOUT, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}{done.stderr[-6000:]}"
        return done.stdout

    def pulumi(self, *arguments: str) -> str:
        return self.run("pulumi", *arguments, "--stack", STACK, "--non-interactive")

    def repair(self) -> str:
        """Runs the first command of the runbook "An update that was cut off"."""
        repair, *_ = runbook(PAGE, "An update that was cut off").blocks({"<stack>": STACK, "<urn>": "any"})
        return self.run(*shlex.split(repair))

    def repair_by_hand(self, told: Runbook) -> None:
        """Follows a runbook as an operator would: runs its command, deletes each resource that the command's output
        names, and runs the command again.
        """
        (repair,) = told.blocks({"<stack>": STACK})
        done = subprocess.run(
            shlex.split(repair),
            cwd=CHECKOUT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        delete([line.removeprefix(_ORPHAN) for line in done.stdout.splitlines() if line.startswith(_ORPHAN)])
        assert "have the same resources" in self.run(*shlex.split(repair)), done.stdout + done.stderr

    def kill(self, operation: str, writes: int) -> None:
        """Starts a Pulumi operation. Kills the engine and its child processes when the operation has written the Pulumi
        state `writes` times.
        """
        engine = self._started(operation, writes)
        program = _children(engine.pid)
        engine.kill()
        for pid in program:
            with suppress(ProcessLookupError):  # the child process has already ended
                os.kill(pid, signal.SIGKILL)
        engine.wait()

    def fails(self, operation: str, writes: int, fault: Callable[[], None]) -> str:
        """Starts a Pulumi operation, and calls `fault` when the engine has written the Pulumi state `writes` times. The
        operation must then fail. Returns what the engine printed.
        """
        engine = self._started(operation, writes)
        fault()
        assert engine.wait(timeout=300) > 0, self.log.read_text()
        return self.log.read_text()

    @contextmanager
    def full_disk(self) -> Generator[Callable[[], None]]:
        """Yields a function that fills the file system of the Pulumi state. Frees the space after the `with` block."""
        filler = self._state.parent / "filler"

        def fill() -> None:
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 12))

        try:
            yield fill
        finally:
            filler.unlink(missing_ok=True)

    def kill_providers(self) -> None:
        """Kills the process that runs the emulated Pulumi providers of all clouds."""
        pid = processes.pid_of(self._sandbox, "providers")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def start_providers(self) -> None:
        services.start(self._sandbox, services.CLOUDS)
        self.find_providers()

    def interrupt(self, operation: str, writes: int, *, times: int) -> str:
        """Starts a Pulumi operation, and interrupts it after `writes` writes of the Pulumi state.

        The engine gets the signal SIGINT `times` times, as if a user pressed Ctrl-C. Returns the output of the Pulumi
        engine.
        """
        engine = self._started(operation, writes)
        for number in range(times):
            engine.send_signal(signal.SIGINT)
            # The engine prints "^C received" for each signal. The loop waits for this line before the next signal. It
            # checks the engine's log every millisecond, because the next signal must arrive before the engine ends.
            while self.log.read_text().count("^C received") <= number and engine.poll() is None:
                time.sleep(0.001)
        engine.wait(timeout=120)
        return self.log.read_text()

    def _started(self, operation: str, writes: int) -> subprocess.Popen[bytes]:
        """Starts a Pulumi operation. Returns when the operation has written the Pulumi state `writes` times, or when
        the engine has ended.
        """
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
    try:
        lists = [(thread / "children").read_text().split() for thread in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return []  # the process or one of its threads has just ended
    return [int(child) for children in lists for child in children]


@contextmanager
def deployed(*, small_disk: bool = False) -> Generator[Stack]:
    """Starts emulated clouds, and yields an empty stack in them. Until the end of the `with` block, environment
    variables contain the addresses of these clouds.

    With `small_disk`, the Pulumi state is on a separate file system, which a test can fill. Each Pulumi operation adds
    about 1 MB to the state's history, so only tests with few operations fit on this file system.
    """
    with enterable_directory() as directory:
        sandbox = Sandbox(directory=directory, loopback=os.environ.get(LOOPBACK_VARIABLE, LOOPBACK))
        try:
            services.start(sandbox, services.CLOUDS)
            operator.make_keys(sandbox, STACK, CHECKOUT / "stacks")
            operator.add_edge_zone(sandbox, STACK, CHECKOUT / "stacks")
            state = sandbox.path("pulumi", "state")
            with _small_file_system(state) if small_disk else nullcontext(), pytest.MonkeyPatch.context() as patch:
                stack = Stack(sandbox)
                stack.run("pulumi", "stack", "select", "--create", STACK, "--non-interactive")
                for name, value in cloud_environment(sandbox, {}).items():
                    patch.setenv(name, value)
                yield stack
        finally:
            services.stop_all(sandbox)


@contextmanager
def _small_file_system(directory: Path) -> Generator[None]:
    """Mounts a small file system at the directory of the Pulumi state. Only root may do this."""
    directory.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)
