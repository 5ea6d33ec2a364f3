"""Runs `pulumi` commands as a user would run them in a shell whose environment variables name the emulated clouds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from emulation import processes
from emulation.engine.environment import shell_environment
from emulation.engine.find import Engine
from emulation.layout import Sandbox

# The sandbox (emulated clouds on this machine) registers each process of the Pulumi engine under a name that begins
# with this prefix.
_ENGINE = "engine-"
# The Pulumi engine, a program in Go, collects garbage when its memory has grown five-fold instead of two-fold. It then
# takes a seventh less processor time (Go documentation of the package `runtime`, "Environment Variables").
_RARE_COLLECTION = {"GOGC": "400"}


def pulumi(
    engine: Engine,
    sandbox: Sandbox,
    project: Path,
    *arguments: str,
    passphrase: str,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a `pulumi` command in the directory of a Pulumi project. Returns its output as text without colours.

    The function registers the command's process in the sandbox (emulated clouds). If this Python process is killed,
    `make down` can therefore end the command. At the first Ctrl-C, the Pulumi engine finishes the operations in
    progress and records them in the Pulumi state. At the second Ctrl-C, the engine ends at once. After Ctrl-C, the
    function waits until the engine has ended and then raises KeyboardInterrupt.
    """
    # The Pulumi engine writes its output to files. With a pipe, the engine would end early if the reading process
    # ended.
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(
            [engine.pulumi, *arguments, "--non-interactive", "--color", "never"],
            cwd=project,
            env={
                **_RARE_COLLECTION,
                **os.environ,
                **shell_environment(engine, sandbox, passphrase=passphrase),
                **(env or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        interrupted = _wait(process, sandbox)
        if interrupted:
            raise KeyboardInterrupt
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout.read(), stderr.read())


def _wait(process: subprocess.Popen[bytes], sandbox: Sandbox) -> bool:
    """Registers the Pulumi engine's process in the sandbox and waits until the engine ends. Sends the engine SIGINT for
    each Ctrl-C. Returns whether the user pressed Ctrl-C.
    """
    name = f"{_ENGINE}{process.pid}"
    interrupted = False
    while True:
        try:
            # Ctrl-C can interrupt `processes.record` before it has written the pid file, which `make down` needs to
            # find the engine. The loop therefore calls `record` again after each Ctrl-C, as long as the engine runs.
            if process.poll() is None:
                processes.record(sandbox, name, process.pid)
            process.wait()
            processes.forget(sandbox, name)
            return interrupted
        except KeyboardInterrupt:
            interrupted = True
            process.send_signal(signal.SIGINT)
            print("the engine finishes the operations in progress; Ctrl-C again ends it at once", file=sys.stderr)


def end_engines(sandbox: Sandbox) -> None:
    """Ends Pulumi engines of the sandbox (emulated clouds) that still run after the process that started them was
    killed.

    An engine has a minute to finish the operations in progress and to record them in the Pulumi state.
    """
    for name in processes.names(sandbox):
        if name.startswith(_ENGINE):
            processes.stop(sandbox, name, grace=60)
