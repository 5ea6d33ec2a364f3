"""Tests that each Pulumi program finds the repository's packages. The tests start the programs as the Pulumi engine
starts them.

The program runs with the Python of .venv. The environment has no variables such as PYTHONPATH, because these could add
the repository to Python's import paths.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

START = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"

# Each Pulumi program prints a line as soon as its imports have succeeded. Maps the directory of a program to a pattern
# of this line: `stacks` and `bootstrap` report the first missing setting, and the policy pack prints the port of its
# server.
PROGRAMS = {"stacks": r"artifact-edge:\w+: missing", "bootstrap": r"'aws:region'", "policies": r"^\d+$"}


@pytest.mark.parametrize("folder", PROGRAMS)
def test_a_program_imports_the_packages_of_this_checkout(folder: str, tmp_path: Path) -> None:
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PULUMI_"))}
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", f"import contract; print(contract.__file__); {START}", ROOT / folder],
        cwd=tmp_path,
        env={**alone, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        found = process.stdout.readline().strip()
        assert found == str(ROOT / "contract/__init__.py"), "the environment is not of this checkout; run: make setup"
        printed = list[str]()
        for line in process.stdout:
            printed.append(line)
            if re.search(PROGRAMS[folder], line):
                break
        else:
            pytest.fail("".join(printed))
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("folder", PROGRAMS)
def test_no_module_of_a_program_hides_a_package(folder: str) -> None:
    modules = {path.stem if path.suffix == ".py" else path.name for path in (ROOT / folder).iterdir()}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert not modules & (packages | sys.stdlib_module_names), "the folder of the program comes first on Python's path"
