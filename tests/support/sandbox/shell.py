"""Runs commands in a separate shell, as a user runs the commands that `make up` prints."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# The line that `make up` prints before the commands of the client `reader`.
READER = "in a shell and a directory of your own:"


def shell(directory: Path, *commands: str) -> subprocess.CompletedProcess[str]:
    """Runs the commands in one shell. The shell inherits only HOME, PATH and LANG from the tests' environment."""
    settings = {name: value for name, value in os.environ.items() if name in ("HOME", "PATH", "LANG")}
    script = "\n".join(["set -e", *commands])
    return subprocess.run(
        ["bash", "-c", script], cwd=directory, env=settings, capture_output=True, text=True, check=False
    )
