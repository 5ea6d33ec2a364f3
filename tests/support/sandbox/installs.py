"""Runs npm, pip and skopeo in the environment that `python -m local client` prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from local.client_shell import environment
from local.clients import Client

Finished = subprocess.CompletedProcess[str]


def npm_install(client: Client, package: str, target: Path, **more: str) -> Finished:
    """Installs an npm package and its dependencies into `target`. `more` contains additional environment variables."""
    return _run(client, ["npm", "install", "--prefix", target, package], more)


def pip_install(client: Client, package: str, target: Path) -> Finished:
    """Installs a Python package and its dependencies into `target` with pip."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    return _run(client, [*pip, "--target", target, package], {})


def skopeo_copy(client: Client, image: str, target: Path) -> Finished:
    """Copies a container image with skopeo into an OCI layout at `target`."""
    host = client.url.removeprefix("https://")
    return _run(client, ["skopeo", "copy", f"docker://{host}/{image}", f"oci:{target}"], {})


def in_client(client: Client, command: list[str], directory: Path, **more: str) -> Finished:
    """Runs a command in `directory` with the environment of a package client. `more` contains additional environment
    variables.
    """
    return _run(client, list(command), more, directory)


def _run(client: Client, command: list[str | Path], more: dict[str, str], directory: Path | None = None) -> Finished:
    settings = {**os.environ, **environment(client), "VIRTUAL_ENV": sys.prefix, **more}
    return subprocess.run(command, cwd=directory, env=settings, capture_output=True, text=True, check=False)
