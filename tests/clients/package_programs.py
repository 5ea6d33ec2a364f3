"""Installs pinned versions of package clients, such as npm and pip, for the tests.

Each client has its own directory in artifact-edge's cache directory. npm and pip download the clients from the
registries that they are configured with on this machine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from emulation.layout import cache_directory

# The clients of npm packages. npm itself is the newest release of each major version that runs on Node.js 20.
# pnpm 10 and yarn 1 are old versions that are still in use. All others are the newest releases of November 2026.
NPM: Mapping[str, str] = {
    "npm 9": "npm@9.9.4",
    "npm 10": "npm@10.9.9",
    "npm 11": "npm@11.21.2",
    "pnpm 10": "pnpm@10.34.9",
    "pnpm 12": "pnpm@12.21.0",
    "yarn 1": "yarn@1.22.22",
    "yarn 4": "@yarnpkg/cli-dist@4.18.1",
    "bun 1.4": "bun@1.4.5",
}
# The clients of Python packages. pip 23.0.1 is the version in Debian 12 and the oldest that docs/protocols.md covers.
# All others are the newest releases of November 2026.
PYTHON: Mapping[str, str] = {
    "pip 23.0": "pip==23.0.1",
    "pip 26.3": "pip==26.3",
    "uv 0.13": "uv==0.13.9",
    "poetry 2.5": "poetry==2.5.1",
    "pdm 2.29": "pdm==2.29.4",
    "pipenv 2026": "pipenv==2026.10.3",
}
# The Python package keyring, from which some clients read passwords.
KEYRING = "keyring"
_REQUIREMENTS: Mapping[str, str] = {**NPM, **PYTHON, KEYRING: "keyring==25.7.0"}
# Additional Python packages that a client needs. Without this exact version of hishel, pdm 2.29.4 would be installed
# with hishel 2.0, and would fail.
_WITH: Mapping[str, tuple[str, ...]] = {"pdm 2.29": ("hishel==1.4.0",)}


def directory(client: str) -> Path:
    """Returns the directory of a package client in artifact-edge's cache directory. The directory does not exist if the
    client is not installed.
    """
    return cache_directory() / "clients" / _REQUIREMENTS[client].replace("/", "-")


def libraries(client: str) -> Path:
    """Returns the directory from which Python imports a client's packages."""
    (found,) = directory(client).glob("lib/python*/site-packages")
    return found


def program(client: str, name: str) -> Path:
    """Returns the path of the program `name`, which is installed for the package client `client`."""
    return directory(client) / ("node_modules/.bin" if client in NPM else "bin") / name


def install() -> None:
    """Installs the missing package clients. Prints an error for each client that cannot be installed.

    The tests skip missing clients, and docs/clients.md then shows them as not installed.
    """
    for client in _REQUIREMENTS:
        if not directory(client).exists():
            print(f"installing {client}")
            _install(client)


def _install(client: str) -> None:
    """Installs a package client into its directory in the cache. Deletes the directory if the installation fails.

    The function cannot install the client in another directory first, because virtual environments contain absolute
    paths.
    """
    place = directory(client)
    place.mkdir(parents=True)
    requirement = _REQUIREMENTS[client]
    if client in NPM:
        commands = [["npm", "install", "--no-audit", "--no-fund", "--prefix", ".", requirement]]
    else:
        pip = ["bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        commands = [[sys.executable, "-m", "venv", "."], [*pip, requirement, *_WITH.get(client, ())]]
        # pip and uv use the virtual environment in which keyring is installed. This environment also contains a copy of
        # pip. The copy is removed, because a test could run it by mistake instead of the pip under test.
        if client == KEYRING:
            commands.append(["bin/python", "-m", "pip", "uninstall", "--quiet", "--yes", "pip"])
    for command in commands:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{requirement}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            shutil.rmtree(place)
            return
