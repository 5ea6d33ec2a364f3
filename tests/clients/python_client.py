"""The base class of clients such as pip: gives a client its access token, and runs its commands."""

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
# A backend for the Python library keyring, which looks up passwords. This backend stores them in a file. It returns a
# password even if the client does not state the user's name, as the password stores of desktops do.
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
    """The place from which a Python client reads the token. The values are headings of columns in docs/clients.md."""

    URL = "token in the URL"
    VARIABLE = "token in a variable"
    NETRC = "token in netrc"
    COMMAND = "token from the command `keyring`"
    LIBRARY = "token from the library keyring"
    SETTING = "token in the client's own settings"


@dataclass(frozen=True)
class PythonClient(ABC):
    """A client of Python packages with its own home directory. The methods run a command of the client in the project's
    directory, wait until the command ends, and return the command's exit status and output.
    """

    setting: PackageSetting
    credential: Credential = Credential.NETRC

    @property
    def index(self) -> str:
        return f"{self.setting.identity.url}/pypi/simple/"

    @property
    def url(self) -> str:
        """The URL of the Python package index. The URL contains the user and the token if `credential` says that the
        client reads the token from the URL.
        """
        user = {
            Credential.URL: f"{USER}:{self.setting.token}@",
            Credential.VARIABLE: f"{USER}:${{{TOKEN_VARIABLE}}}@",
            # clients call the command `keyring` only if the URL contains a user name
            Credential.COMMAND: f"{USER}@",
        }.get(self.credential, "")
        return self.index.replace("https://", f"https://{user}")

    @property
    def keyring(self) -> str:
        """The value of pip's setting `keyring-provider`: how pip gets the token from the keyring, or `disabled`."""
        return {Credential.COMMAND: "subprocess", Credential.LIBRARY: "import"}.get(self.credential, "disabled")

    def configure(self) -> None:
        """Writes the configuration files of a Python client, and stores the token where the client reads it."""
        if self.credential is Credential.NETRC:
            self.setting.write(".netrc", f"machine {self.setting.host} login {USER} password {self.setting.token}\n")
        if self.credential in (Credential.COMMAND, Credential.LIBRARY):
            self.setting.write("store/keyring_store.py", _STORE)
            # Clients look up a password in keyring by the index's URL, and then by the host name. The form of the URL
            # differs between clients, so the test stores the password under the host name.
            done = self.run(program(KEYRING, "keyring"), "set", self.setting.host, USER, given=self.setting.token)
            assert done.returncode == 0, done.stderr
        self.write_configuration()

    def run(self, name: str | Path, *arguments: str, given: str = "", **more: str) -> Finished:
        """Runs a program that trusts the sandbox's certificate authority. If the client's token is in an environment
        variable or in the password store of keyring, also sets the environment variables with which the program finds
        the token.
        """
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
        """Returns a copy of this client with a new home directory. The directory gets the files of the client's
        project, but no caches and no virtual environments.
        """
        moved = replace(self, setting=replace(self.setting, home=home))
        moved.setting.project.mkdir(parents=True)
        for file in self.setting.project.iterdir():
            # Files whose names begin with a dot are not copied. One of them is .pdm-python, which contains the path of
            # the old virtual environment.
            if file.is_file() and not file.name.startswith("."):
                shutil.copy(file, moved.setting.project)
        moved.configure()
        return moved

    @abstractmethod
    def write_configuration(self) -> None:
        """Writes the configuration files that only this kind of Python client reads."""

    @abstractmethod
    def add(self, project: str) -> Finished:
        """Installs a Python project with the client. A client with a project file, such as pyproject.toml, also adds
        the installed project to the dependencies in that file.
        """

    @abstractmethod
    def install_locked(self) -> Finished:
        """Installs exactly the Python projects and files that the lockfile lists."""

    def installed(self) -> dict[str, str]:
        """Returns the version of each installed project whose name begins with `clients_`. The function looks
        everywhere below the client's home directory.
        """
        found = self.setting.home.glob("**/clients_*.dist-info")
        return dict(each.name.removesuffix(".dist-info").split("-", 1) for each in found)

    def change_digests(self) -> int:
        """Replaces each file's digest in the lockfile by a wrong digest. Returns the number of replaced digests."""
        (lockfile,) = (file for file in self.setting.project.iterdir() if file.name in _LOCKFILES)
        text, count = re.subn("(?<=sha256:)[0-9a-f]{64}", lambda found: found[0][::-1], lockfile.read_text())
        lockfile.write_text(text)
        return count

    def write_once(self, name: str, text: str) -> None:
        """Writes a file in the Python client's project directory, unless the file exists already."""
        if not (self.setting.project / name).exists():
            self.setting.write(f"project/{name}", text)
