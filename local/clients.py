"""Real clients of the sandbox: who they are, and the files that configure them.

Three identities show the rules: `reader` may pull the samples, `outsider` has a token without the grants, `anonymous`
has none. The proxy of a client location resolves names, since npm, pip and skopeo cannot be pointed at a DNS server.
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

GRANTS: Mapping[str, list[str]] = {
    "reader": ["npm:@acme/*:pull", "pypi:acme-*:pull", "oci:acme/*:pull"],
    "outsider": ["npm:@elsewhere/*:pull", "pypi:elsewhere-*:pull", "oci:elsewhere/*:pull"],
}
"""What each identity with a token is granted."""

ANONYMOUS = "anonymous"


class Identity(StrEnum):
    """The clients that `make up` configures."""

    READER = "reader"
    OUTSIDER = "outsider"
    ANONYMOUS = ANONYMOUS


class NoClient(Exception):
    """No client is configured; the message says what configures one."""


@dataclass(frozen=True)
class Client:
    """One identity at one client location. `url` is the stack's."""

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

    def token(self) -> str | None:
        """The token that was issued to it, if any."""
        path = self.directory / "token"
        return path.read_text() if path.exists() else None

    def is_configured(self) -> bool:
        return (self.directory / "url").exists()

    def configure(self, token: str | None) -> None:
        """Writes the files that the clients read, for their owner only."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.sandbox.path("clients", self.identity, "x")
        self.directory.chmod(0o700)
        self._write("npmrc", self._npmrc(token))
        self._write("netrc", f"machine {self.host} login __token__ password {token}\n" if token else "")
        self._write("auth.json", json.dumps({"auths": self._auths(token)}))
        certificates = self.directory / "certificates"  # skopeo wants a directory of them, by their file's name
        certificates.mkdir()
        shutil.copyfile(edge_authority(self.sandbox), certificates / "edge.crt")
        if token:
            self._write("token", token)
        self._write("url", self.url)  # last: a client with a URL is configured

    def _npmrc(self, token: str | None) -> str:
        lines = [
            f"registry={self.url}/npm/",
            f"cafile={edge_authority(self.sandbox)}",
            f"https-proxy={self.proxy}",
            f"cache={self.directory / 'npm-cache'}",  # else what one identity fetched would serve another
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
        descriptor = os.open(self.directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)


def ensure_clients(sandbox: Sandbox, url: str, issue: Callable[[str, list[str]], str]) -> None:
    """Configures the three identities. `issue` makes a token for a principal with grants, for an identity without one.

    An identity that is configured keeps its files, so that shells that use them go on working.
    """
    for identity in Identity:
        client = Client(sandbox, identity, url)
        if not client.is_configured():
            client.configure(issue(identity, GRANTS[identity]) if identity in GRANTS else None)


def configured(sandbox: Sandbox, identity: str) -> Client:
    """A client that `make up` configured. Raises NoClient."""
    client = Client(sandbox, identity, "")
    if not client.is_configured():
        raise NoClient(f"no client {identity} is configured in {sandbox.directory}; run: make up")
    return replace(client, url=(client.directory / "url").read_text())


def forget_clients(sandbox: Sandbox) -> None:
    """For when the clouds no longer know the tokens."""
    shutil.rmtree(sandbox.directory / "clients", ignore_errors=True)
