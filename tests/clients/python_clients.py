"""Configures each client of Python packages, and runs the client's command for each action of docs/clients.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from local.clients import Client
from tests.clients.package_setting import Finished, setting_of
from tests.clients.python_client import USER, Credential, PythonClient

_PROJECT = """\
[project]
name = "user"
version = "1.0"
requires-python = ">=3.11"
dependencies = []
"""


@dataclass(frozen=True)
class Pip(PythonClient):
    """Runs pip, which installs packages into the directory `site`."""

    def write_configuration(self) -> None:
        lines = [f"cert = {self.setting.authority}"]
        # pip expands environment variables in requirements files, but not in pip.conf. If the index URL contains a
        # variable with the token, the URL is therefore in a requirements file.
        if self.credential is Credential.VARIABLE:
            self.setting.write("project/index.txt", f"--index-url {self.url}\n")
        else:
            lines.append(f"index-url = {self.url}")
        # pip 23.0 does not have the setting `keyring-provider`. This version of pip uses the library keyring whenever
        # the library is installed.
        if self.setting.name != "pip 23.0":
            lines.append(f"keyring-provider = {self.keyring}")
        self.setting.write(".config/pip/pip.conf", "\n".join(["[global]", *lines, ""]))

    def _install(self, *arguments: str) -> Finished:
        index = ("-r", "index.txt") if self.credential is Credential.VARIABLE else ()
        return self.run("pip", "install", "--target", "site", *index, *arguments)

    def add(self, project: str) -> Finished:
        return self._install(project)

    def install_locked(self) -> Finished:
        return self._install("--require-hashes", "-r", "requirements.txt")


@dataclass(frozen=True)
class Uv(PythonClient):
    """Runs uv in a project that is not built as a package."""

    def write_configuration(self) -> None:
        # uv reads credentials from environment variables. The names of these variables contain the name of the package
        # index.
        url = self.index if self.credential is Credential.VARIABLE else self.url
        lines = ['python-downloads = "never"']
        if self.credential is Credential.COMMAND:
            lines.append('keyring-provider = "subprocess"')
        lines += ["[[index]]", 'name = "clients"', f'url = "{url}"', "default = true", ""]
        self.setting.write(".config/uv/uv.toml", "\n".join(lines))
        self.write_once("pyproject.toml", _PROJECT)
        if self.credential is Credential.SETTING:
            self.run("uv", "auth", "login", self.index, "--username", USER, "--password", "-", given=self.setting.token)

    def run(self, name: str | Path, *arguments: str, given: str = "", **more: str) -> Finished:
        if self.credential is Credential.VARIABLE:
            more |= {"UV_INDEX_CLIENTS_USERNAME": USER, "UV_INDEX_CLIENTS_PASSWORD": self.setting.token}
        return super().run(name, *arguments, given=given, **more)

    def add(self, project: str) -> Finished:
        return self.run("uv", "add", project)

    def install_locked(self) -> Finished:
        return self.run("uv", "sync", "--locked")


@dataclass(frozen=True)
class Poetry(PythonClient):
    """Runs poetry in a project with the setting `package-mode = false`. Such a project only has dependencies, and is
    not itself a package.
    """

    def write_configuration(self) -> None:
        # poetry reads credentials from environment variables. The names of these variables contain the name of the
        # package source. `run` sets the variables for the source `clients`.
        url = self.index if self.credential is Credential.VARIABLE else self.url
        source = f'[[tool.poetry.source]]\nname = "clients"\nurl = "{url}"\npriority = "primary"\n'
        self.write_once("pyproject.toml", f"{_PROJECT}\n[tool.poetry]\npackage-mode = false\n\n{source}")
        self.run("poetry", "config", "certificates.clients.cert", str(self.setting.authority))
        if self.credential is Credential.SETTING:
            self.run("poetry", "config", "http-basic.clients", USER, self.setting.token)

    def run(self, name: str | Path, *arguments: str, given: str = "", **more: str) -> Finished:
        if self.credential is Credential.VARIABLE:
            prefix = "POETRY_HTTP_BASIC_CLIENTS"
            more |= {f"{prefix}_USERNAME": USER, f"{prefix}_PASSWORD": self.setting.token}
        if self.credential is not Credential.LIBRARY:
            # poetry depends on the library keyring. With the backend `null`, this library returns no passwords, so
            # poetry must read the token from the place that `self.credential` names.
            more |= {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        return super().run(name, *arguments, given=given, **more)

    def add(self, project: str) -> Finished:
        return self.run("poetry", "add", "--no-interaction", project)

    def install_locked(self) -> Finished:
        return self.run("poetry", "sync", "--no-interaction")


@dataclass(frozen=True)
class Pdm(PythonClient):
    """Runs pdm in a project that is not built as a package."""

    def write_configuration(self) -> None:
        source = f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{self.url}"\n'
        self.write_once("pyproject.toml", f"{_PROJECT}\n[tool.pdm]\ndistribution = false\n\n{source}")
        self.run("pdm", "config", "check_update", "false")
        self.run("pdm", "config", "pypi.ca_certs", str(self.setting.authority))
        if self.credential is Credential.SETTING:
            self.run("pdm", "config", "pypi.username", USER)
            self.run("pdm", "config", "pypi.password", self.setting.token)

    def add(self, project: str) -> Finished:
        return self.run("pdm", "add", project)

    def install_locked(self) -> Finished:
        return self.run("pdm", "sync")


@dataclass(frozen=True)
class Pipenv(PythonClient):
    """Runs pipenv, which installs packages with its own copy of pip into the project's virtual environment."""

    def write_configuration(self) -> None:
        source = {"name": "clients", "url": self.url, "verify_ssl": True}
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in source.items())
        self.write_once("Pipfile", f"[[source]]\n{lines}\n[packages]\n")

    def run(self, name: str | Path, *arguments: str, given: str = "", **more: str) -> Finished:
        more |= {"PIP_CERT": str(self.setting.authority), "PIPENV_KEYRING_PROVIDER": self.keyring}
        return super().run(name, *arguments, given=given, PIPENV_NOSPIN="1", **more)

    def add(self, project: str) -> Finished:
        return self.run("pipenv", "install", project)

    def install_locked(self) -> Finished:
        return self.run("pipenv", "sync")


CLIENTS: dict[str, type[PythonClient]] = {"pip": Pip, "uv": Uv, "poetry": Poetry, "pdm": Pdm, "pipenv": Pipenv}


def client_of(name: str, identity: Client, home: Path, token: str) -> PythonClient:
    """Returns a Python client with an empty home directory. The test must configure the client before it runs a
    command.

    Skips the test if the client is not installed.
    """
    setting = setting_of(name, identity, home, token)
    return CLIENTS[setting.family](setting)
