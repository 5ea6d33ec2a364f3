"""What a service on Google Cloud takes from its metadata server: tokens that say whose service account it has.

Source: Compute Engine, "About VM metadata"; Cloud Run has the same ("Container runtime contract").
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
_EARLY_SECONDS = 120  # a token this close to its end is not used any more
_TIMEOUT = urllib3.Timeout(connect=2, read=5)


class NoIdentity(Exception):
    """The metadata server did not say who we are; trying again may help."""


class Identity:
    """The service's own account. May be asked from any thread."""

    def __init__(self) -> None:
        # GCE_METADATA_HOST is where Google's own libraries look, too.
        self._root = f"http://{os.environ.get('GCE_METADATA_HOST', _HOST)}{_ACCOUNT}"
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False, headers={"Metadata-Flavor": "Google"})
        self._lock = threading.Lock()
        self._access, self._until = "", 0.0

    def access_token(self) -> str:
        """For Google's own APIs. Raises NoIdentity."""
        with self._lock:
            if time.monotonic() >= self._until:
                told = json.loads(self._ask("/token"))
                self._access = told["access_token"]
                self._until = time.monotonic() + told["expires_in"] - _EARLY_SECONDS
            return self._access

    def identity_token(self, audience: str) -> str:
        """Signed by Google, good for an hour, for whoever is the audience. Raises NoIdentity."""
        return self._ask(f"/identity?audience={quote(audience, safe='')}")

    def _ask(self, path: str) -> str:
        try:
            answer: Any = cast(Any, self._pool).request("GET", self._root + path)
        except urllib3.exceptions.HTTPError as error:
            raise NoIdentity(f"the metadata server does not answer: {type(error).__name__}") from None
        if answer.status != 200:
            raise NoIdentity(f"the metadata server answers {answer.status}")
        return answer.data.decode()
