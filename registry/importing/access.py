"""Basic credentials for the npm registries and Python indexes that an import reads. The import chooses credentials as
pip does.

Credentials in a URL apply to all requests to the URL's host. For other hosts, the netrc file contains the credentials.
Keyrings are not supported. Source: pip docs, "Authentication".
"""

from __future__ import annotations

import base64
import netrc
import os
from collections.abc import Generator
from functools import cached_property
from pathlib import Path

import httpx

from registry import RegistryError


class Access(httpx.Auth):
    """The credentials that one import sends to npm registries and Python indexes.

    After a redirect to another host, requests do not contain the first host's credentials.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str]] = {}
        # the hosts of registries and indexes that the import reads over HTTPS
        self._over_https = set[str]()

    def learned(self, url: str) -> str:
        """Remembers the user name and the password in the URL of an index. Returns the URL without them. Later requests
        to the same host and port contain this user name and password. Raises RegistryError for an invalid URL.
        """
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            # The message shows no part of the URL, because a special character in a password makes a URL invalid.
            raise RegistryError(
                "the URL of a registry or an index is not valid; write https://<host>[:port]/<path>, and "
                "percent-encode special characters of a password"
            ) from None
        if parsed.userinfo:
            self._known[parsed.netloc.decode()] = (parsed.username, parsed.password)
        if parsed.scheme == "https":
            self._over_https.add(parsed.netloc.decode())
        return str(parsed.copy_with(userinfo=b""))

    def secured(self, url: str) -> str:
        """Returns the URL of a file. Replaces `http` with `https` if the import reads a registry or index on the same
        host over `https`.

        Registries behind a proxy often list the URLs of files with `http` (verdaccio/verdaccio#234). Without the
        replacement, the import would send credentials and receive files unencrypted.
        """
        parsed = httpx.URL(url)
        is_downgraded = parsed.scheme == "http" and parsed.netloc.decode() in self._over_https
        return str(parsed.copy_with(scheme="https")) if is_downgraded else url

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        found = self._known.get(request.url.netloc.decode()) or self._of_netrc(request.url.host)
        if found:
            request.headers["Authorization"] = f"Basic {base64.b64encode(':'.join(found).encode()).decode()}"
        yield request

    def _of_netrc(self, host: str) -> tuple[str, str] | None:
        found = self._netrc.authenticators(host) if self._netrc else None
        return (found[0], found[2] or "") if found else None

    @cached_property
    def _netrc(self) -> netrc.netrc | None:
        file = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
        try:
            return netrc.netrc(file) if file.is_file() else None
        except (OSError, netrc.NetrcParseError, UnicodeDecodeError) as error:
            raise RegistryError(f"{file}: cannot be read: {error}") from None
