"""Tests how the Pulumi engine ends when someone interrupts or kills the command that runs the engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emulation import processes
from emulation.engine.command import end_engines
from emulation.layout import IMPORT_ROOT, Sandbox
from tests.support.waiting import eventually

# A script that replaces the Pulumi engine in the tests. The script writes each signal that it receives to the file
# `signals`. It ends after the number of signals that the environment variable ENDS_AT contains.
ENGINE = """\
#!/bin/sh
caught() { echo "$1" >> signals; [ "$(wc -l < signals)" -lt "$ENDS_AT" ] || exit 1; }
trap 'caught INT' INT
trap 'caught TERM' TERM
: > signals
while :; do sleep 0.1; done
"""
# A program that runs an engine command. First, the program restores Python's handling of Ctrl-C. A shell makes
# background processes ignore Ctrl-C, and the test run may be such a process.
COMMAND = """\
import signal
import sys
from pathlib import Path
from emulation.engine.command import pulumi
from emulation.engine.find import Engine
from emulation.layout import Sandbox
signal.signal(signal.SIGINT, signal.default_int_handler)
home = Path(sys.argv[1])
try:
    pulumi(Engine(home / "pulumi"), Sandbox(directory=home / "sandbox", loopback="127.0"), home, "up", passphrase="any")
except KeyboardInterrupt:
    print("interrupted")
"""


def started(home: Path, *, ends_at: int) -> subprocess.Popen[str]:
    """Starts a command that runs the Pulumi engine. Waits until the engine runs and the command has recorded the
    process of the engine.
    """
    (home / "pulumi").write_text(ENGINE)
    (home / "pulumi").chmod(0o755)
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, home],
        cwd=IMPORT_ROOT,
        env={**os.environ, "ENDS_AT": str(ends_at)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    sandbox = Sandbox(directory=home / "sandbox", loopback="127.0")

    def is_recorded() -> bool:
        return any(processes.pid_of(sandbox, name) for name in processes.names(sandbox))

    assert eventually(lambda: (home / "signals").exists() and is_recorded())
    return command


def signals(home: Path) -> list[str]:
    return (home / "signals").read_text().split()


@pytest.mark.parametrize("times", [1, 2])
def test_each_ctrl_c_reaches_the_engine_and_the_command_waits_for_its_end(tmp_path: Path, times: int) -> None:
    command = started(tmp_path, ends_at=times)
    for number in range(times):
        command.send_signal(signal.SIGINT)
        eventually(lambda number=number: len(signals(tmp_path)) > number)
    printed, said = command.communicate(timeout=120)
    assert signals(tmp_path) == ["INT"] * times
    assert printed == "interrupted\n"
    assert said.count("Ctrl-C again") == times
    assert processes.names(Sandbox(directory=tmp_path / "sandbox")) == []


def test_an_engine_outlives_a_killed_command_until_the_network_is_taken_down(tmp_path: Path) -> None:
    command = started(tmp_path, ends_at=1)
    sandbox = Sandbox(directory=tmp_path / "sandbox", loopback="127.0")
    command.kill()
    command.communicate(timeout=120)
    (name,) = processes.names(sandbox)
    assert processes.pid_of(sandbox, name) is not None
    end_engines(sandbox)
    assert signals(tmp_path) == ["TERM"]
    assert processes.names(sandbox) == []
