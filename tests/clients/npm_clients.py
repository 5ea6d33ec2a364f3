"""Configures each client of npm packages, and runs the client's command for each action of docs/clients.md."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from local.clients import Client
from tests.clients.package_programs import program
from tests.clients.package_setting import TOKEN_VARIABLE, Finished, PackageSetting, setting_of
from tests.support.npm_signatures import verify_with

_LOCKFILES = ("package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock")
# Matches a SHA-512 digest in a lockfile. yarn 4 writes digests in hexadecimal, and the other clients write Base64.
_DIGEST = r"(?<=sha512-)[\w+/]{86}|(?<=checksum: 10c0/)[0-9a-f]{128}"
# The URL of a registry that does not exist. Tests of packages with a scope set this URL as the default registry. A
# client that ignores the registry of the scope then fails.
NOWHERE = "http://127.0.0.1:9/"


class Credential(StrEnum):
    """The npm setting that contains the token for the registry."""

    TOKEN = "_authToken"
    VARIABLE = "_authToken from a variable"
    BASIC = "_auth"


@dataclass(frozen=True)
class NpmClient:
    """A client of npm packages with its own home directory. The methods run a command of the client in the project's
    directory, wait until the command ends, and return the command's exit status and output.
    """

    setting: PackageSetting

    @property
    def _registry(self) -> str:
        return f"{self.setting.identity.url}/npm/"

    @property
    def _is_berry(self) -> bool:
        return self.setting.name == "yarn 4"

    def configure(self, credential: Credential = Credential.TOKEN, *, scope: str = "") -> None:
        """Writes the configuration files of an npm client.

        With `scope`, the client gets only the packages of this scope from the sandbox's registry. Otherwise it gets all
        packages from this registry.
        """
        write = self.setting.write
        if self._is_berry:
            write("project/.yarnrc.yml", self._yarnrc(credential, scope))
        else:
            # The test writes the settings of yarn 1 to the project's directory and not to the user's home directory.
            # The machine's global npmrc would override settings in the home directory.
            write("project/.npmrc" if self.setting.family == "yarn" else ".npmrc", self._npmrc(credential, scope))
        if self.setting.family == "pnpm":
            # The minimum release age is 0, because the tests install packages that are only minutes old. pnpm 12 reads
            # the setting `fetchRetries` only from pnpm-workspace.yaml.
            write("project/pnpm-workspace.yaml", "packages: []\nminimumReleaseAge: 0\nfetchRetries: 0\n")
        write("project/package.json", json.dumps({"name": "user", "version": "1.0.0", "private": True}))

    def _npmrc(self, credential: Credential, scope: str) -> str:
        lines = [f"registry={NOWHERE}", f"{scope}:registry={self._registry}"] if scope else []
        # Without the setting `always-auth`, yarn 1 sends the token only for packages with a scope.
        lines = lines or [f"registry={self._registry}", "always-auth=true"]
        lines += [f"cafile={self.setting.authority}", f"https-proxy={self.setting.identity.proxy}", "fetch-retries=0"]
        name, value = self._credential(credential)
        return "\n".join([*lines, f"//{self.setting.host}/npm/:{name}={value}", ""])

    def _yarnrc(self, credential: Credential, scope: str) -> str:
        name, value = self._credential(credential)
        here = {
            "npmRegistryServer": self._registry,
            "npmAlwaysAuth": True,
            {"_authToken": "npmAuthToken", "_auth": "npmAuthIdent"}[name]: value,
            "npmMinimalAgeGate": 0,  # 0 lets yarn 4 install packages that are only minutes old
        }
        settings = {
            **({"npmRegistryServer": NOWHERE, "npmScopes": {scope.removeprefix("@"): here}} if scope else here),
            "httpsCaFilePath": str(self.setting.authority),
            "httpsProxy": self.setting.identity.proxy,
            "httpRetry": 0,
            "nodeLinker": "node-modules",
            "enableTelemetry": False,
        }
        # Yarn reads its settings file as YAML. Every JSON document is a YAML document, too, so the file can contain
        # JSON.
        return json.dumps(settings)

    def _credential(self, credential: Credential) -> tuple[str, str]:
        token = self.setting.token
        match credential:
            case Credential.TOKEN:
                return "_authToken", token
            case Credential.VARIABLE:
                return "_authToken", f"${{{TOKEN_VARIABLE}}}"
            case Credential.BASIC:
                plain = f"__token__:{token}"
                return "_auth", plain if self._is_berry else base64.b64encode(plain.encode()).decode()

    def run(self, *arguments: str) -> Finished:
        """Runs the npm client. An environment variable contains the token, because some of the tested npm
        configurations refer to this variable.
        """
        name = self.setting.family
        settings = {TOKEN_VARIABLE: self.setting.token, "NODE_EXTRA_CA_CERTS": str(self.setting.authority)}
        return self.setting.run(name, *arguments, **settings)

    def add(self, package: str) -> Finished:
        """Adds an npm package to the npm project of this client and installs it."""
        return self.run("install" if self.setting.family == "npm" else "add", package)

    def add_all(self, dependencies: Mapping[str, str]) -> Finished:
        """Writes a package.json with the given dependencies, and installs them without running their install
        scripts.
        """
        package = {"name": "user", "version": "1.0.0", "private": True, "dependencies": dict(dependencies)}
        self.setting.write("project/package.json", json.dumps(package))
        return self.run("install", *(("--mode=skip-build",) if self._is_berry else ("--ignore-scripts",)))

    def install_locked(self) -> Finished:
        """Installs the npm packages in the lockfile, and fails if the lockfile would have to change."""
        if self.setting.family == "npm":
            return self.run("ci")
        return self.run("install", "--immutable" if self._is_berry else "--frozen-lockfile")

    def show(self, package: str) -> Finished:
        """Prints the metadata of an npm package with the client's own command."""
        return self.run(
            *{"yarn 1": ("info",), "yarn 4": ("npm", "info"), "bun 1.4": ("info",)}.get(self.setting.name, ("view",)),
            package,
        )

    def audit(self) -> Finished:
        """Requests security advisories for the project's packages from the registry."""
        return self.run(*(("npm", "audit") if self._is_berry else ("audit",)))

    def in_an_empty_home(self, home: Path) -> NpmClient:
        """Returns a copy of this client with a new home directory. The directory gets the client's configuration, its
        package.json and its lockfile, but no caches.
        """
        moved = NpmClient(replace(self.setting, home=home))
        moved.setting.project.mkdir(parents=True)
        if (self.setting.home / ".npmrc").exists():
            shutil.copy(self.setting.home / ".npmrc", home / ".npmrc")
        for file in self.setting.project.iterdir():
            if file.is_file() and not file.name.startswith(".pnp"):
                shutil.copy(file, moved.setting.project)
        return moved

    def installed(self) -> Mapping[str, str]:
        """Returns the version of each installed package of the scope @clients, by the package's name. The function
        looks in all node_modules directories of the project.
        """
        modules = self.setting.project / "node_modules"
        found = [json.loads(file.read_text()) for file in modules.glob("**/@clients/*/package.json")]
        return {package["name"]: package["version"] for package in found}

    def change_digests(self) -> int:
        """Replaces each package's digest in the lockfile with a wrong digest. Returns how many digests it replaced."""
        (lockfile,) = (file for file in self.setting.project.iterdir() if file.name in _LOCKFILES)
        text, count = re.subn(_DIGEST, lambda found: found[0][::-1], lockfile.read_text())
        lockfile.write_text(text)
        return count

    def verify_signatures(self, packages: Sequence[str]) -> Finished:
        """Verifies the signatures of packages with npm's own library `pacote`, and not with the command `npm audit`."""
        pacote = program(self.setting.name, "npm").resolve().parents[1] / "node_modules/pacote"
        npmrc = {"cafile": str(self.setting.authority), "https-proxy": self.setting.identity.proxy}
        command = verify_with(pacote, self._registry, self.setting.token, npmrc, packages)
        return subprocess.run(command, env=self.setting.environment(), capture_output=True, text=True, check=False)


def client_of(name: str, identity: Client, home: Path, token: str) -> NpmClient:
    """Returns a configured npm client in an empty home directory. Skips the test if the client is not installed."""
    client = NpmClient(setting_of(name, identity, home, token))
    client.configure()
    return client
