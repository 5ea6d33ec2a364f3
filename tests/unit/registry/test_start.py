"""Tests that the registry's command line loads only the modules that a command needs, and never Pulumi."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
HEAVY = {
    "boto3",
    "botocore",
    "cloudflare",
    "cryptography",
    "google",
    "httpx",
    "psycopg",
    "pydantic",
    "requests",
    "urllib3",
}
EVERY_MODULE = """
import importlib, pkgutil, registry, registry.__main__
for module in pkgutil.walk_packages(registry.__path__, "registry."):
    importlib.import_module(module.name)
"""


def loaded_by(code: str) -> set[str]:
    """Runs the code in a new Python process. Returns the top-level packages that the process has loaded."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_help_loads_no_cloud_library() -> None:
    loaded = loaded_by("import registry.__main__")
    assert "typer" in loaded
    assert loaded & HEAVY == set()


def test_no_module_of_the_registry_loads_pulumi_or_its_programs() -> None:
    loaded = loaded_by(EVERY_MODULE)
    assert {"boto3", "psycopg", "google"} <= loaded
    assert {name for name in loaded if name.startswith("pulumi") or name in ("infra", "stacks", "workers")} == set()
