"""Defines what all clients of Python packages have in common: credentials, keyring and lockfiles."""

from __future__ import annotations

import re
import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from tests.clients.package_programs import KEYRING, libraries, program
from tests.clients.package_setting import TOKEN_VARIABLE, Finished, PackageSetting

USER = "__token__"
_LOCKFILES = ("requirements.txt", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
# A backend of keyring that keeps passwords in a file. Like the stores of desktops, this backend finds a password
# without the name of the user.
_STORE = """\
import json
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.credentials import SimpleCredential

FILE = Path.home() / "passwords.json"


class Store(KeyringBackend):
    priority = 1

    def _all(self):
        return json.loads(FILE.read_text()) if FILE.exists() else {}

    def set_password(self, service, username, password):
        FILE.write_text(json.dumps({**self._all(), service: [username, password]}))

    def get_credential(self, service, username):
        found = self._all().get(service)
        return SimpleCredential(*found) if found and username in (None, found[0]) else None

    def get_password(self, service, username):
        found = self.get_credential(service, username)
        return found and found.password
"""


class Credential(StrEnum):
    """Where a client reads the token, as the heading of a column."""

    URL = "token in the URL"
    VARIABLE = "token in a variable"
    NETRC = "token in netrc"
    COMMAND = "token from the command `keyring`"
    LIBRARY = "token from the library keyring"
    SETTING = "token in the client's own settings"


@dataclass(frozen=True)
class PythonClient(ABC):
    """One client in an empty home. All commands run in the project, and return when the client ends."""

    setting: PackageSetting
    credential: Credential = Credential.NETRC

    @property
    def index(self) -> str:
        return f"{self.setting.identity.url}/pypi/simple/"

    @property
    def url(self) -> str:
        """The URL of the index, with what this client reads of the credentials there."""
        user = {
            Credential.URL: f"{USER}:{self.setting.token}@",
            Credential.VARIABLE: f"{USER}:${{{TOKEN_VARIABLE}}}@",
            # The command `keyring` finds a password only with the name of the user.
            Credential.COMMAND: f"{USER}@",
        }.get(self.credential, "")
        return self.index.replace("https://", f"https://{user}")

    @property
    def keyring(self) -> str:
        """The name by which pip's settings select a keyring."""
        return {Credential.COMMAND: "subprocess", Credential.LIBRARY: "import"}.get(self.credential, "disabled")

    def configure(self) -> None:
        """Writes the client's configuration files, and stores the token where this client reads it."""
        if self.credential is Credential.NETRC:
            self.setting.write(".netrc", f"machine {self.setting.host} login {USER} password {self.setting.token}\n")
        if self.credential in (Credential.COMMAND, Credential.LIBRARY):
            self.setting.write("store/keyring_store.py", _STORE)
            # All clients also look for the host, but differ in how they write the URL of the index.
            done = self.run(program(KEYRING, "keyring"), "set", self.setting.host, USER, given=self.setting.token)
            assert done.returncode == 0, done.stderr
        self.write_configuration()

    def run(self, name: str | Path, *arguments: str, given: str = "", **more: str) -> Finished:
        """Runs a program with the sandbox's certificate authority, and with the credentials that are variables."""
        settings = {
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PYTHON_KEYRING_BACKEND": "keyring_store.Store",
            "REQUESTS_CA_BUNDLE": str(self.setting.authority),
            "SSL_CERT_FILE": str(self.setting.authority),
        }
        store = str(self.setting.home / "store")
        if self.credential is Credential.VARIABLE:
            settings[TOKEN_VARIABLE] = self.setting.token
        if self.credential is Credential.COMMAND:
            settings["PATH"] = f"{program(KEYRING, 'keyring').parent}:{self.setting.environment()['PATH']}"
            settings["PYTHONPATH"] = store
        if self.credential is Credential.LIBRARY:
            settings["PYTHONPATH"] = f"{store}:{libraries(KEYRING)}"
        return self.setting.run(name, *arguments, given=given, **{**settings, **more})

    def in_an_empty_home(self, home: Path) -> PythonClient:
        """Returns the client with the files of the project, but without caches and virtual environments."""
        moved = replace(self, setting=replace(self.setting, home=home))
        moved.setting.project.mkdir(parents=True)
        for file in self.setting.project.iterdir():
            if file.is_file() and not file.name.startswith("."):  # .pdm-python names the virtual environment
                shutil.copy(file, moved.setting.project)
        moved.configure()
        return moved

    @abstractmethod
    def write_configuration(self) -> None:
        """Writes the client's own configuration files."""

    @abstractmethod
    def add(self, project: str) -> Finished:
        """Installs a project, and makes the project a dependency if the client records dependencies."""

    @abstractmethod
    def install_locked(self) -> Finished:
        """Installs exactly the versions and files of the lockfile."""

    def installed(self) -> dict[str, str]:
        """Returns the version of each installed project of the tests, in whatever directory the client installs."""
        found = self.setting.home.glob("**/clients_*.dist-info")
        return dict(each.name.removesuffix(".dist-info").split("-", 1) for each in found)

    def change_digests(self) -> int:
        """Replaces each digest of a file in the lockfile, and returns how many there were."""
        (lockfile,) = (file for file in self.setting.project.iterdir() if file.name in _LOCKFILES)
        text, count = re.subn("(?<=sha256:)[0-9a-f]{64}", lambda found: found[0][::-1], lockfile.read_text())
        lockfile.write_text(text)
        return count

    def write_once(self, name: str, text: str) -> None:
        """Writes a file of the project, unless the client already has the file."""
        if not (self.setting.project / name).exists():
            self.setting.write(f"project/{name}", text)
