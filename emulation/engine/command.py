"""Runs `pulumi` commands as a user does from a shell whose environment names the emulated clouds."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from emulation.engine.environment import shell_environment
from emulation.engine.find import Engine
from emulation.layout import Sandbox


def pulumi(
    engine: Engine,
    sandbox: Sandbox,
    project: Path,
    *arguments: str,
    passphrase: str,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a `pulumi` command in the directory of a Pulumi project. Returns its output as text without colours."""
    return subprocess.run(
        [engine.pulumi, *arguments, "--non-interactive", "--color", "never"],
        cwd=project,
        env={**os.environ, **shell_environment(engine, sandbox, passphrase=passphrase), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
