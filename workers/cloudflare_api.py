"""Cloudflare's API, as functions call it.

urllib3 comes with Lambda's runtime; Cloudflare's SDK would have to be packed, with a dozen packages of its own.
"""

from __future__ import annotations

import json
from typing import Any, cast

import urllib3

_TIMEOUT = urllib3.Timeout(connect=3, read=10)
_PUBLIC_API = "https://api.cloudflare.com/client/v4"


class CloudflareSilent(Exception):
    """It did not do what was asked; trying again may help. The message tells nothing of what was sent."""


class CloudflareApi:
    """`token` is an API token; `base` is another URL than Cloudflare's own, where there is one."""

    def __init__(self, token: str, base: str = "") -> None:
        self._url = base or _PUBLIC_API
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)
        self._authorization = f"Bearer {token}"

    def ask(self, method: str, path: str, body: Any) -> Any:
        """The result, of a JSON body. Raises CloudflareSilent."""
        return self.send(method, path, json.dumps(body).encode(), "application/json")

    def send(self, method: str, path: str, body: bytes, content_type: str) -> Any:
        """The result, of a body as it is. Raises CloudflareSilent."""
        headers = {"Authorization": self._authorization, "Content-Type": content_type}
        try:
            answer: Any = cast(Any, self._pool).request(method, self._url + path, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise CloudflareSilent(f"Cloudflare does not answer: {type(error).__name__}") from None
        if answer.status != 200:
            raise CloudflareSilent(f"Cloudflare answers {answer.status} to {method} {path}")
        try:
            return json.loads(answer.data)["result"]
        except (ValueError, KeyError):
            raise CloudflareSilent(f"Cloudflare answers {method} {path} with what is no result") from None
