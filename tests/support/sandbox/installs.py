"""Runs npm, pip and skopeo in the environment that `python -m local client` prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from local.client_shell import environment
from local.clients import Client

Finished = subprocess.CompletedProcess[str]


def npm_install(client: Client, packages: str, target: Path, **more: str) -> Finished:
    """Installs npm packages, separated by spaces, and their dependencies into `target`. `more` contains additional
    environment variables.
    """
    return _run(client, ["npm", "install", "--prefix", target, *packages.split()], more)


def pip_install(client: Client, packages: str, target: Path) -> Finished:
    """Installs Python packages, separated by spaces, and their dependencies into `target` with pip."""
    # pip would compare the dependencies with all packages of the tests' environment, which takes a second.
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-warn-conflicts"]
    return _run(client, [*pip, "--target", target, *packages.split()], {})


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
