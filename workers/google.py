"""Reads tokens from Google Cloud's metadata server: access tokens and identity tokens of the service account that the
service runs as.

Source: Compute Engine, "About VM metadata"; Cloud Run has the same server ("Container runtime contract").
"""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any, cast
from urllib.parse import quote

import urllib3

_HOST = "metadata.google.internal"
_ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default"
_EARLY_SECONDS = 120  # a cached token is replaced this many seconds before it expires
_TIMEOUT = urllib3.Timeout(connect=2, read=5)


class NoIdentity(Exception):
    """Raised when Google's metadata server does not return a token. A retry may succeed."""


class Identity:
    """The service account that Google Cloud assigns to this program. Any thread may call the methods."""

    def __init__(self) -> None:
        # The variable GCE_METADATA_HOST overrides the metadata server's host. Google's own libraries read it, too.
        self._root = f"http://{os.environ.get('GCE_METADATA_HOST', _HOST)}{_ACCOUNT}"
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False, headers={"Metadata-Flavor": "Google"})
        self._lock = threading.Lock()
        self._access, self._until = "", 0.0

    def access_token(self) -> str:
        """Returns a cached or new access token for Google's APIs. Raises NoIdentity if the metadata server fails."""
        with self._lock:
            if time.monotonic() >= self._until:
                answer = json.loads(self._request("/token"))
                self._access = answer["access_token"]
                self._until = time.monotonic() + answer["expires_in"] - _EARLY_SECONDS
            return self._access

    def identity_token(self, audience: str) -> str:
        """Returns an identity token for the audience. Google signs the token, which is valid for an hour. Raises
        NoIdentity if the metadata server does not return a token.
        """
        return self._request(f"/identity?audience={quote(audience, safe='')}")

    def _request(self, path: str) -> str:
        try:
            answer: Any = cast(Any, self._pool).request("GET", self._root + path)
        except urllib3.exceptions.HTTPError as error:
            raise NoIdentity(f"the metadata server does not answer: {type(error).__name__}") from None
        if answer.status != 200:
            raise NoIdentity(f"the metadata server answers {answer.status}")
        return answer.data.decode()
