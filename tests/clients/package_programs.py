"""The clients of npm and Python packages, each of a pinned version in a directory of its own in the cache.

They come from the registries that npm and pip are configured with on this machine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from emulation.layout import cache_directory

# npm: the last release of each major version that runs on Node.js 20. pnpm 10 and yarn 1 are still in use; yarn 1.22.22
# is the last one of its line. All others are the newest releases of November 2026.
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
# pip 23.0.1 is the pip of Debian 12, the oldest one that docs/protocols.md covers. The others are as new as above.
PYTHON: Mapping[str, str] = {
    "pip 23.0": "pip==23.0.1",
    "pip 26.3": "pip==26.3",
    "uv 0.13": "uv==0.13.9",
    "poetry 2.5": "poetry==2.5.1",
    "pdm 2.29": "pdm==2.29.4",
    "pipenv 2026": "pipenv==2026.10.3",
}
# The keyring that Python clients ask for passwords.
KEYRING = "keyring"
_REQUIREMENTS: Mapping[str, str] = {**NPM, **PYTHON, KEYRING: "keyring==25.7.0"}
# pdm 2.29.4 also accepts hishel 2.0, with which it fails.
_WITH: Mapping[str, tuple[str, ...]] = {"pdm 2.29": ("hishel==1.4.0",)}


def directory(client: str) -> Path:
    """Returns the directory of a client, which exists when the client is installed."""
    return cache_directory() / "clients" / _REQUIREMENTS[client].replace("/", "-")


def libraries(client: str) -> Path:
    """Returns the directory from which Python imports a client's packages."""
    (found,) = directory(client).glob("lib/python*/site-packages")
    return found


def program(client: str, name: str) -> Path:
    """Returns the path of one of a client's programs."""
    return directory(client) / ("node_modules/.bin" if client in NPM else "bin") / name


def install() -> None:
    """Installs what is missing. A client that cannot be installed is reported; its cells of the matrix say so."""
    for client in _REQUIREMENTS:
        if not directory(client).exists():
            print(f"installing {client}")
            _install(client)


def _install(client: str) -> None:
    """Installs a client in its final place, since virtual environments do not move. A failure leaves nothing behind."""
    place = directory(client)
    place.mkdir(parents=True)
    requirement = _REQUIREMENTS[client]
    if client in NPM:
        commands = [["npm", "install", "--no-audit", "--no-fund", "--prefix", ".", requirement]]
    else:
        pip = ["bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        commands = [[sys.executable, "-m", "venv", "."], [*pip, requirement, *_WITH.get(client, ())]]
        if client == KEYRING:  # other clients import its packages, which must not include another pip
            commands.append(["bin/python", "-m", "pip", "uninstall", "--quiet", "--yes", "pip"])
    for command in commands:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{requirement}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            shutil.rmtree(place)
            return
