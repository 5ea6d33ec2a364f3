"""Publishes the packages that the tests of clients install, with the operator's commands."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from local import operator
from local.clients import Client
from tests.support.packages import tarball
from tests.support.sandbox.commands import registry
from tests.support.sandbox.up import Up

IDENTITY = "package-clients"
SCOPE = "@clients"


@dataclass(frozen=True)
class Packages:
    """The packages that the client tests publish. `identity` is the client of the sandbox whose token may pull them.
    `digests` maps the name of each Python file to its SHA-256 digest.
    """

    identity: Client
    digests: dict[str, str]

    @property
    def token(self) -> str:
        token = self.identity.token()
        assert token
        return token

    @property
    def wrong_token(self) -> str:
        """A client token that was never issued."""
        return self.token[:-6] + ("AAAAAA" if not self.token.endswith("AAAAAA") else "BBBBBB")


def publish(up: Up, directory: Path) -> Packages:
    """Publishes an application that depends on a library, as npm packages and as Python packages.

    Clients must install version 1 of the library, and not version 2. On npm, version 2 has only the dist-tag `next`. On
    PyPI, version 2 is yanked.
    """
    lib = {"name": f"{SCOPE}/lib", "license": "MIT"}
    app = {"name": f"{SCOPE}/app", "version": "1.0.0", "license": "MIT", "dependencies": {f"{SCOPE}/lib": ">=1.0.0"}}
    files = [
        tarball(directory / "lib-1.tgz", {**lib, "version": "1.0.0"}),
        tarball(directory / "lib-2.tgz", {**lib, "version": "2.0.0-rc.1"}),
        tarball(directory / "app.tgz", app),
    ]
    wheels = [
        _wheel(directory, "clients_lib", "1.0"),
        _wheel(directory, "clients_lib", "2.0"),
        _wheel(directory, "clients_app", "1.0", "Requires-Dist: clients-lib>=1.0\n"),
    ]
    commands = (
        ("publish", *files, *wheels),
        ("tag", "add", f"npm:{SCOPE}/lib@2.0.0-rc.1", "next"),
        ("yank", "pypi:clients-lib@2.0", "--reason", "broken"),
    )
    for command in commands:
        done = registry(up, *command)
        assert done.returncode == 0, done.stderr
    identity = Client(up.sandbox, IDENTITY, up.outputs()["url"])
    grants = [f"npm:{SCOPE}/*:pull", "pypi:clients-*:pull"]
    identity.configure(operator.issue_token(up.sandbox, up.outputs(), IDENTITY, grants))
    return Packages(identity, {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in wheels})


def _wheel(directory: Path, project: str, version: str, requires: str = "") -> Path:
    """Writes a wheel with a complete RECORD file, because poetry checks that file. The same input gives the
    same bytes.
    """
    about = f"{project}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {project.replace('_', '-')}\nVersion: {version}\n{requires}"
    files = {
        f"{project}.py": f"VERSION = '{version}'\n",
        f"{about}/METADATA": metadata,
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items())
    path = directory / f"{project}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, f"{about}/RECORD": f"{record}{about}/RECORD,,\n"}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
