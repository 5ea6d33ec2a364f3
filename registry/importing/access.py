"""Basic credentials for other package indexes, chosen as pip chooses them.

Credentials in an index's URL apply to the URL's whole host; other hosts use netrc. Keyrings are not supported.
Source: pip docs, "Authentication".
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
    """The credentials of all indexes of one import. A redirect to another host does not carry credentials along."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str]] = {}

    def learned(self, url: str) -> str:
        """Returns the index's URL without name and password, and sends both to the URL's host from now on."""
        parsed = httpx.URL(url)
        if parsed.userinfo:
            self._known[parsed.netloc.decode()] = (parsed.username, parsed.password)
        return str(parsed.copy_with(userinfo=b""))

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
