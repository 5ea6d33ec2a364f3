"""Finds an image registry's credentials in the files and helpers that docker, podman and skopeo use for `login`.

Sources: containers-auth.json(5); Docker CLI reference, "docker login", "Credential helper protocol".
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from registry import RegistryError
from registry.importing.images import DOCKER_HUB

# The timeout of a credential helper, in seconds. A credential helper is the program that stores passwords for docker.
# An operator may have to unlock the key ring in this time.
_HELPER_SECONDS = 60
# The text that a credential helper prints if it has no credentials for a host. The helper's exit code is then 1.
_NOT_FOUND = "credentials not found"
# A credential helper returns this user name if the password is an identity token of the image registry (Docker CLI
# reference, "Credential helper protocol").
_IDENTITY = "<token>"


@dataclass(frozen=True)
class Credentials:
    name: str
    password: str = field(repr=False)

    @property
    def is_identity_token(self) -> bool:
        """Whether the password is an identity token. An identity token is a refresh token, which only a token endpoint
        accepts.
        """
        return self.name == _IDENTITY

    @property
    def basic(self) -> str:
        """The value of the Authorization header with these credentials, in the Basic scheme (RFC 7617)."""
        return f"Basic {base64.b64encode(f'{self.name}:{self.password}'.encode()).decode()}"


def credentials_of(host: str, repository: str, environment: Mapping[str, str] | None = None) -> Credentials | None:
    """Returns the credentials for an image repository. Uses the first configuration file that contains credentials for
    it. Returns None if no file does.

    Within a file, the longest entry that is a prefix of `<host>/<repository>` takes precedence. Raises RegistryError
    for an unreadable file, unusable credentials, or a failing credential helper.
    """
    for file in _files(environment if environment is not None else os.environ):
        for name in (DOCKER_HUB if host in DOCKER_HUB else (host,)) if _is_there(file) else ():
            found = _in_file(file, name, repository)
            if found is not None:
                return found
    return None


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    if environment.get("REGISTRY_AUTH_FILE"):
        yield Path(environment["REGISTRY_AUTH_FILE"])
        return
    home = Path(environment.get("HOME") or Path.home())
    yield Path(environment.get("XDG_RUNTIME_DIR") or f"/run/containers/{os.getuid()}") / "containers" / "auth.json"
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "containers" / "auth.json"
    yield Path(environment.get("DOCKER_CONFIG") or home / ".docker") / "config.json"


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError as error:  # such as a directory ~/.docker that belongs to root
        raise RegistryError(f"{file}: the credentials for images cannot be read: {error.strerror}") from None


def _in_file(file: Path, host: str, repository: str) -> Credentials | None:
    try:
        content: Any = json.loads(file.read_text())
        entries: dict[str, Any] = {_plain(key): entry for key, entry in content.get("auths", {}).items()}
        helper: str = content.get("credHelpers", {}).get(host) or content.get("credsStore", "")
    except (OSError, ValueError, AttributeError) as error:
        raise RegistryError(f"{file}: the credentials for {host} cannot be read: {error}") from None
    if helper:
        # Docker asks a credential helper for the credentials of a host. For Docker Hub, the request contains the URL
        # `https://index.docker.io/v1/` instead of a host.
        return _of_helper(helper, "https://index.docker.io/v1/" if host == "index.docker.io" else host, file)
    parts = repository.split("/")
    for name in [*("/".join([host, *parts[:length]]) for length in range(len(parts), 0, -1)), host]:
        entry = entries.get(name)
        if isinstance(entry, dict) and entry:
            return _of_entry(cast(dict[str, Any], entry), f"{file}: {name}")
    return None


def _plain(key: str) -> str:
    """Returns the host and path to which an entry of a credentials file applies.

    Older clients wrote a URL as the name of an entry. The function removes the scheme and the API version from such a
    URL.
    """
    return re.sub(r"^https?://|/(v1|v2)?/?$", "", key)


def _of_entry(entry: Mapping[str, Any], title: str) -> Credentials:
    identity_token = entry.get("identitytoken")
    if isinstance(identity_token, str) and identity_token:
        return Credentials(_IDENTITY, identity_token)
    try:
        name, found, password = base64.b64decode(entry.get("auth", ""), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, TypeError):
        found = name = password = ""
    if not found:
        raise RegistryError(f"{title}: has no name and password; log in again with: skopeo login")
    return Credentials(name, password.rstrip("\0"))


def _of_helper(helper: str, host: str, file: Path) -> Credentials | None:
    program = f"docker-credential-{helper}"
    try:
        result = subprocess.run(
            [program, "get"], input=host, capture_output=True, text=True, check=False, timeout=_HELPER_SECONDS
        )
    except FileNotFoundError:
        raise RegistryError(f"{file}: names the credential helper {helper}, but {program} is not installed") from None
    except subprocess.TimeoutExpired:
        raise RegistryError(f"{program}: returned no credentials for {host} within {_HELPER_SECONDS} s") from None
    if result.returncode:
        output = (result.stdout + result.stderr).strip()
        if _NOT_FOUND in output:
            return None
        raise RegistryError(f"{program}: returned no credentials for {host}: {output or 'no reason given'}")
    try:
        answer: Any = json.loads(result.stdout)
        found = Credentials(answer["Username"], answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise RegistryError(f"{program}: the response contains no Username and Secret for {host}") from None
    return found
