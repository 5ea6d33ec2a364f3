"""Runs shell commands for tests. Also runs the registry's commands on a sandbox (a set of emulated clouds)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from emulation.engine.environment import cloud_environment
from emulation.processes import interpreter
from local.checkout import CHECKOUT
from tests.support.sandbox.up import Up


def run(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)


def registry(up: Up, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [interpreter(), "-m", "registry", *arguments, "--stack-outputs", "-"],
        cwd=CHECKOUT,
        env={**os.environ, **cloud_environment(up.sandbox, {}), **more},
        input=json.dumps(up.outputs()),
        capture_output=True,
        text=True,
        check=False,
    )
