"""Tests that the shutdown of a sandbox leaves no process running, even if one of its processes starts another process
during the shutdown.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from emulation import processes, services
from emulation.layout import IMPORT_ROOT, Sandbox
from tests.support.waiting import eventually

# A program that starts another process of the sandbox when it receives the signal to end.
STARTER = """
import signal, sys, time
from pathlib import Path
from emulation import processes
from emulation.layout import Sandbox

def boot(*_):
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    processes.start(Sandbox(Path(sys.argv[1]), "127.90"), "late", sleeper)
    sys.exit()

signal.signal(signal.SIGTERM, boot)
Path(sys.argv[1], "ready").touch()
time.sleep(600)
"""


@pytest.mark.parametrize("name", ["machines", "cloud_run", "lambda_runtime", "cloudflare"])
def test_a_process_that_a_service_starts_during_the_end_is_ended_too(tmp_path: Path, name: str) -> None:
    sandbox = Sandbox(directory=tmp_path, loopback="127.90")
    processes.start(sandbox, name, [sys.executable, "-c", STARTER, tmp_path], cwd=IMPORT_ROOT)
    try:
        assert eventually((tmp_path / "ready").exists)
        services.stop_all(sandbox)
        assert processes.names(sandbox) == []
        assert "late" in {path.stem for path in (tmp_path / "logs").iterdir()}
    finally:
        processes.stop(sandbox, "late")
