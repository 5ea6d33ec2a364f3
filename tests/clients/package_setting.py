"""The home directory and the environment variables of one npm or Python client in a test. The client inherits only PATH
from the test's own environment.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.clients import Client
from local.health import edge_authority
from tests.clients.package_programs import program

Finished = subprocess.CompletedProcess[str]
TOKEN_VARIABLE = "ARTIFACT_EDGE_TOKEN"


@dataclass(frozen=True)
class PackageSetting:
    """The home directory, the identity and the token of a package client.

    `name` is the client's row in docs/clients.md, such as `npm 10`. `token` can be invalid, or empty for no
    credentials.
    """

    name: str
    identity: Client
    home: Path
    token: str

    @property
    def family(self) -> str:
        """The package client's name without its version."""
        return self.name.partition(" ")[0]

    @property
    def host(self) -> str:
        return self.identity.host

    @property
    def authority(self) -> Path:
        return edge_authority(self.identity.sandbox)

    @property
    def project(self) -> Path:
        return self.home / "project"

    def environment(self) -> dict[str, str]:
        """Returns the environment variables of a package client. The client keeps its caches below HOME."""
        path = f"{program(self.name, 'x').parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.home), "TMPDIR": str(self.home), "HTTPS_PROXY": self.identity.proxy}

    def write(self, name: str, text: str) -> None:
        """Writes a file in the package client's home directory. Only the owner can read the file."""
        file = self.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o600)

    def run(self, name: str | Path, *arguments: str, given: str = "", **more: str) -> Finished:
        """Runs a program in the directory of the client's project and waits until the program ends.

        `name` is the name of one of the client's programs, or the path of another program. `given` is the program's
        standard input. `more` contains additional environment variables.
        """
        self.project.mkdir(parents=True, exist_ok=True)
        return subprocess.run(
            [str(program(self.name, name) if isinstance(name, str) else name), *arguments],
            cwd=self.project,
            env={**self.environment(), **more},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )


def setting_of(name: str, identity: Client, home: Path, token: str) -> PackageSetting:
    """Returns the home directory, the identity and the token with which a test runs the client program `name`. Skips
    the test if the program is not installed.
    """
    setting = PackageSetting(name, identity, home, token)
    if not program(name, setting.family).exists():
        pytest.skip("not installed; python -m tests.clients.programs")
    return setting


def output(done: Finished) -> str:
    """Returns the standard output of a program, followed by its standard error. Some clients print errors to standard
    output, and others to standard error.
    """
    return done.stdout + done.stderr
