"""Tests that no module of a Pulumi program hides a package that the program needs. Pulumi starts Python in the
program's directory, where Python finds the program's modules before installed packages.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import pytest

from local.checkout import CHECKOUT

SCRIPT = """
import pulumi, pulumi_aws, pulumi_cloudflare, pulumi_gcp, pydantic, yaml, sys
print(*{name.partition(".")[0] for name in sys.modules})
"""


@cache
def imported() -> set[str]:
    """Returns the top-level names of all modules that exist after the import of the packages of a Pulumi program."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    return {*done.stdout.split(), *sys.stdlib_module_names} - {"__main__"}


@pytest.mark.parametrize("program", ["bootstrap", "stacks"])
def test_no_module_has_the_name_of_a_package_that_the_program_imports(program: str) -> None:
    assert "google" in imported()
    modules = {entry.stem for entry in (CHECKOUT / program).iterdir() if entry.suffix == ".py" or entry.is_dir()}
    assert modules & imported() == set()
