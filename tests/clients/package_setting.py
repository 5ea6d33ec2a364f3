"""One client of packages in an empty home, with nothing of the tests' environment but PATH."""

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
    """The name is the row of the matrix, such as `npm 10`. The token may be any text, or empty for no credentials."""

    name: str
    identity: Client
    home: Path
    token: str

    @property
    def family(self) -> str:
        """The client's name without its version."""
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
        """Returns the variables of a client program. Every cache is below HOME."""
        path = f"{program(self.name, 'x').parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.home), "TMPDIR": str(self.home), "HTTPS_PROXY": self.identity.proxy}

    def write(self, name: str, text: str) -> None:
        """Writes a file of the home, which only its owner can read."""
        file = self.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o600)

    def run(self, name: str | Path, *arguments: str, given: str = "", **more: str) -> Finished:
        """Runs one of the client's programs, or the program at a path, in the project. `more` adds variables."""
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
    """Returns the setting of an installed client. Skips the test if the client is not installed."""
    setting = PackageSetting(name, identity, home, token)
    if not program(name, setting.family).exists():
        pytest.skip("not installed; python -m tests.clients.programs")
    return setting


def output(done: Finished) -> str:
    """Returns all that a program printed: clients differ in where they print errors."""
    return done.stdout + done.stderr
