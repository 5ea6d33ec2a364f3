"""Tests the Python interpreter with which these tests start the emulated clouds, the Pulumi programs and the registry's
commands. It behaves like Python, except that the clouds' SDKs are already imported.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emulation.layout import IMPORT_ROOT
from emulation.processes import interpreter
from tests.support.waiting import eventually

# A module that reports what it sees, and ends with the status 3.
REPORT = """
import os, pathlib, sys
root = pathlib.Path(os.environ["ROOT"])
paths = [pathlib.Path(module.__file__) for module in [*sys.modules.values()] if getattr(module, "__file__", None)]
own = {str(path) for path in paths if path.is_relative_to(root) and not path.is_relative_to(root / ".venv")}
print(sys.argv[1:], os.getcwd(), sys.path[0], "pulumi_cloudflare" in sys.modules)
print("of the repository:", own)
print(__name__, file=sys.stderr)
sys.exit(3)
"""
# A module that writes its process ID to a file, and waits.
WAITING = """
import os, pathlib, time
pathlib.Path("pid.new").write_text(str(os.getpid()))
pathlib.Path("pid.new").rename("pid")
time.sleep(600)
"""


def run(directory: Path, module: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [interpreter(), "-m", module, *arguments],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "ROOT": str(IMPORT_ROOT), "PYTHONPATH": str(IMPORT_ROOT)},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def runs(pid: int) -> bool:
    """Returns whether a process exists that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def waiting(directory: Path) -> Generator[tuple[subprocess.Popen[bytes], int]]:
    """Starts a module that waits. Yields the started process and the process ID that the module sees."""
    (directory / "waiting.py").write_text(WAITING)
    with subprocess.Popen([interpreter(), "-m", "waiting"], cwd=directory) as process:
        try:
            assert eventually((directory / "pid").exists)
            yield process, int((directory / "pid").read_text())
        finally:
            process.kill()


def test_a_module_runs_as_python_runs_it_but_with_the_sdks_imported(tmp_path: Path) -> None:
    (tmp_path / "report.py").write_text(REPORT)
    done = run(tmp_path, "report", "one argument", "-m")
    assert done.stdout == f"['one argument', '-m'] {tmp_path} {tmp_path} True\nof the repository: set()\n"
    assert done.stderr == "__main__\n"
    assert done.returncode == 3


def test_an_exception_ends_a_module_with_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text("raise RuntimeError('no such region: mars-1')")
    done = run(tmp_path, "failing")
    assert "RuntimeError: no such region: mars-1" in done.stderr
    assert done.returncode == 1


def test_a_file_runs_as_a_program_whose_first_line_names_the_interpreter(tmp_path: Path) -> None:
    program = tmp_path / "report"
    program.write_text(f"#!{interpreter()}{REPORT}")
    program.chmod(0o755)
    done = subprocess.run(
        [program, "an argument"], cwd="/", env={"ROOT": str(IMPORT_ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.stdout == f"['an argument'] / {tmp_path} True\nof the repository: set()\n"
    assert (done.returncode, done.stderr) == (3, "__main__\n")


def test_a_module_reads_the_standard_input_of_the_interpreter(tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text("import sys; print(sys.stdin.read().upper())")
    assert run(tmp_path, "echo", given="given").stdout == "GIVEN\n"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_to_the_interpreter_ends_the_module(tmp_path: Path, sent: signal.Signals) -> None:
    with waiting(tmp_path) as (process, pid):
        process.send_signal(sent)
        assert process.wait(timeout=60) != 0
        assert eventually(lambda: not runs(pid))


def test_the_api_descriptions_of_aws_are_already_loaded(tmp_path: Path) -> None:
    load = "from moto.core.utils import get_service_model as load; before = load.cache_info().misses; load('ec2')"
    (tmp_path / "load.py").write_text(f"{load}; print(load.cache_info().misses - before)")
    assert run(tmp_path, "load").stdout == "0\n"


def test_two_processes_do_not_draw_the_same_random_numbers(tmp_path: Path) -> None:
    script = "import random; from moto.moto_api._internal import mock_random as m; print(random.random(), m.random())"
    (tmp_path / "draw.py").write_text(script)
    first, second = run(tmp_path, "draw").stdout.split(), run(tmp_path, "draw").stdout.split()
    assert len({*first, *second}) == 4
