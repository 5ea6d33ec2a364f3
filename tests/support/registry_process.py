"""Starts `python -m registry` in processes of their own that need no time for imports.

Each process is a fork of a server process that has imported the registry and has done nothing else (multiprocessing,
"Contexts and start methods"). Importing the registry in each process anew takes longer than most commands.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path

_FORKED = get_context("forkserver")
# The server process imports these modules before its first fork. Commands import the last three only when they run.
_FORKED.set_forkserver_preload(["registry.__main__", "registry.caller", "registry.origin.gcs", "registry.publish"])


class RegistryProcess:
    """One running command of the registry. `environment` has the variables that differ from those of the test's
    process. The output of the command goes to the file `output`.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> None:
        self._output = output
        self._waiting = threading.Lock()  # only one thread at a time may wait for a process of multiprocessing
        self._process = _FORKED.Process(target=_run, args=(list(arguments), dict(environment), output))
        self._process.start()

    def kill(self) -> None:
        """Ends the process with SIGKILL, and returns when it has ended."""
        self._process.kill()
        self.wait()

    def wait(self) -> int:
        """Waits until the process has ended. Returns its exit status, which is negative after a signal."""
        with self._waiting:
            self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode

    def output(self) -> str:
        return self._output.read_text()


def _run(arguments: list[str], environment: dict[str, str], output: Path) -> None:
    from registry.__main__ import main

    os.environ.update(environment)
    with output.open("wb") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    sys.argv = ["registry", *arguments]
    main()
