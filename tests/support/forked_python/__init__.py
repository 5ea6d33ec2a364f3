"""A Python interpreter that needs no time for imports. The tests run the emulated clouds, the Pulumi programs and the
registry's commands with it.

Each command of the Pulumi engine starts a Python process, and each sandbox (a set of emulated clouds) starts several.
Importing the SDKs of Pulumi and the clouds takes 3 to 5 seconds of processor time in each of these processes, and half
a second in each command of the registry. A server process imports the SDKs once. The interpreter asks the server for a
fork of itself, and the fork runs the module or file. The forks import only the modules of this repository themselves.
"""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from emulation.layout import IMPORT_ROOT

_CLIENT = Path(__file__).parent / "client.py"
_SERVER = "tests.support.forked_python.server"


@contextmanager
def forked_python() -> Generator[Path]:
    """Yields the path of the Python interpreter. After the `with` block, the interpreter starts no more processes.

    The server imports the SDKs in the background, and the first users of the interpreter wait for it.
    """
    with (
        tempfile.TemporaryDirectory(prefix="ae-") as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener,
    ):
        address, interpreter = Path(directory, "socket"), Path(directory, "python")
        command = shlex.join([sys.executable, "-IS", str(_CLIENT), str(address), sys.executable])
        interpreter.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        interpreter.chmod(0o755)
        listener.bind(str(address))
        listener.listen(64)
        with subprocess.Popen(
            [sys.executable, "-m", _SERVER, str(listener.fileno())],
            cwd=IMPORT_ROOT,
            stdin=subprocess.PIPE,  # the server ends when the pipe is closed, even if this process is killed
            pass_fds=[listener.fileno()],
            start_new_session=True,
        ):
            listener.close()  # without a server, the interpreter shall fail and not wait
            yield interpreter
