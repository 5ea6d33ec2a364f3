"""Tests that `make up` and `make down` cannot run at the same time in one sandbox."""

from __future__ import annotations

import getpass
import re
import subprocess
import sys
from pathlib import Path
from typing import IO, cast

import pytest

from emulation.layout import Sandbox
from local.up import BusyError, alone

# A program that locks a sandbox and keeps the lock until its standard input ends.
HOLDER = """\
import sys
from pathlib import Path
from emulation.layout import Sandbox
from local.up import alone
with alone(Sandbox(directory=Path(sys.argv[1]), loopback="127.62")):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_the_process_that_has_locked_the_sandbox_is_named(tmp_path: Path) -> None:
    sandbox = Sandbox(directory=tmp_path, loopback="127.62")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert cast(IO[str], holder.stdout).readline() == "locked\n"
        for _ in range(2):
            with pytest.raises(BusyError) as refused, alone(sandbox):
                pass
            named = rf"started by {getpass.getuser()}, pid {holder.pid}, at \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
            assert re.search(rf"\({named}\); wait until it ends$", str(refused.value))
        cast(IO[str], holder.stdin).close()
    with alone(sandbox):
        pass
