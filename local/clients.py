"""Identities of the sandbox's clients, and the files that configure the client programs.

Three identities show the access rules of the registry. `reader` has a token for the sandbox's sample packages.
`outsider` has a token for other packages. `anonymous` has no token.

Clients use a proxy that resolves hostnames, because npm, pip and skopeo have no setting for a DNS server.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from emulation.layout import CLIENT_LOCATIONS, ClientLocation, Sandbox
from local.health import client_location_proxy, edge_authority

# Maps the name of each client identity that has a token to the grants of the token.
GRANTS: Mapping[str, list[str]] = {
    "reader": ["npm:@acme/*:pull", "pypi:acme-*:pull", "oci:acme/*:pull"],
    "outsider": ["npm:@elsewhere/*:pull", "pypi:elsewhere-*:pull", "oci:elsewhere/*:pull"],
}

ANONYMOUS = "anonymous"


class Identity(StrEnum):
    """The identities as which a user of the sandbox can connect to the registry. `make up` configures a client for each
    of them.
    """

    READER = "reader"
    OUTSIDER = "outsider"
    ANONYMOUS = ANONYMOUS


class NoClient(Exception):
    """Raised when a client is not configured. The message names the command that configures clients."""


@dataclass(frozen=True)
class Client:
    """A client of the sandbox (the emulated clouds on this machine). The client has an identity, such as `reader`, and
    connects from a client location, an emulated place with a proxy.

    `url` is the URL of the sandbox's registry.
    """

    sandbox: Sandbox
    identity: str
    url: str
    client_location: ClientLocation = CLIENT_LOCATIONS[0]

    @property
    def directory(self) -> Path:
        return self.sandbox.directory / "clients" / self.identity

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def proxy(self) -> str:
        return client_location_proxy(self.sandbox, self.client_location)

    @property
    def authority(self) -> Path:
        """The file with the certificate authority that the sandbox's client trusts."""
        return edge_authority(self.sandbox)

    def token(self) -> str | None:
        """Returns the registry token that was issued to the client's identity, or None."""
        path = self.directory / "token"
        return path.read_text() if path.exists() else None

    def is_configured(self) -> bool:
        return (self.directory / "url").exists()

    def configure(self, token: str | None) -> None:
        """Replaces the client's configuration files. Only the owner of the files can read the files.

        `token` is None for the identity `anonymous`.
        """
        shutil.rmtree(self.directory, ignore_errors=True)
        self.sandbox.path("clients", self.identity, "x")
        self.directory.chmod(0o700)
        for name, text in self.files(token, edge_authority(self.sandbox).read_text()).items():
            self._write(name, text)
        # the function writes the file `url` last, because a client counts as configured as soon as this file exists
        self._write("url", self.url)

    def files(self, token: str | None, authority: str) -> Mapping[str, str]:
        """Returns the text of each configuration file of the client. The keys are the paths of the files in the
        client's directory.

        `authority` is the certificate authority in PEM form.
        """
        files = {
            "npmrc": self._npmrc(token),
            "netrc": f"machine {self.host} login __token__ password {token}\n" if token else "",
            "auth.json": json.dumps({"auths": self._auths(token)}),
            "certificates/edge.crt": authority,  # skopeo reads all certificates in this directory
        }
        return {**files, "token": token} if token else files

    def _npmrc(self, token: str | None) -> str:
        lines = [
            f"registry={self.url}/npm/",
            f"cafile={self.authority}",
            f"https-proxy={self.proxy}",
            # Each client has an npm cache of its own. A client therefore does not use packages that a client with
            # another token has downloaded.
            f"cache={self.directory / 'npm-cache'}",
            "audit=false",
            "fund=false",
            "update-notifier=false",
        ]
        if token:
            lines.append(f"//{self.host}/npm/:_authToken={token}")
        return "\n".join(lines) + "\n"

    def _auths(self, token: str | None) -> dict[str, dict[str, str]]:
        return {self.host: {"auth": base64.b64encode(f"token:{token}".encode()).decode()}} if token else {}

    def _write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)


def ensure_clients(sandbox: Sandbox, url: str, issue: Callable[[str, list[str]], str]) -> None:
    """Configures each client identity. `issue` creates a token for a principal with the given grants.

    If an identity is already configured, the function does not change its files. Shells that use these files therefore
    continue to work.
    """
    for identity in Identity:
        client = Client(sandbox, identity, url)
        if not client.is_configured():
            client.configure(issue(identity, GRANTS[identity]) if identity in GRANTS else None)


def configured(sandbox: Sandbox, identity: str) -> Client:
    """Returns the client named `identity`. Raises NoClient if `make up` has not configured this client."""
    client = Client(sandbox, identity, "")
    if not client.is_configured():
        raise NoClient(f"no client {identity} is configured in {sandbox.directory}; run: make up")
    return replace(client, url=(client.directory / "url").read_text())


def forget_clients(sandbox: Sandbox) -> None:
    """Deletes the configuration of all clients. The emulated clouds keep state in memory, so they have lost the
    clients' tokens after a restart.
    """
    shutil.rmtree(sandbox.directory / "clients", ignore_errors=True)
