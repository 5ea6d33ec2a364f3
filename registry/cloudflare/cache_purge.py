"""Purges changed documents from the edge's cache, and writes the quarantine list (the withdrawn objects) to Workers KV.

The edge worker purges its own cache when it receives a signed request (workers/edge/src/purges.ts). Cloudflare's API
cannot purge the cache of a worker (developers.cloudflare.com/workers/cache/purge).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import urllib3

from registry import RegistryError
from registry.cloudflare.api import CloudflareApi, CloudflareError, Http
from registry.delivery.purge import WITHDRAWN, PurgeError, PurgesLimited, withdrawn_entry

_PATH = "/-/purge"
_SIGNATURE_HEADER = "x-artifact-edge-signature"
# The maximum number of keys that the edge worker accepts in one purge request.
_AT_ONCE = 100


@dataclass(frozen=True)
class WorkerPurges:
    """Sends purge requests to the edge worker. `url` is the address at which clients reach the worker.

    Each purge calls `read_key`, which returns the key that signs the requests.
    """

    url: str
    read_key: Callable[[], str]
    http: Http

    def purge(self, keys: Sequence[str]) -> None:
        """Purges the objects with the given keys from the edge's cache.

        Raises PurgesLimited with the remaining keys when the edge refuses a request because of its rate limit. Raises
        PurgeError when the edge worker does not answer, or refuses a request for another reason.
        """
        signing_key = self.read_key() if keys else ""
        for start in range(0, len(keys), _AT_ONCE):
            status = self._post(json.dumps({"keys": keys[start : start + _AT_ONCE]}).encode(), signing_key)
            if status == 429:
                raise PurgesLimited(keys[start:])
            self._expect_success(status)

    def purge_all(self, kind: Literal["packages", "versions"], name: str) -> None:
        """Purges all objects of a package, such as `npm:@acme/web`, or all objects that one version of the edge worker
        has stored.

        Raises PurgeError when the worker does not answer or refuses the purge, for example because of the rate limit.
        """
        status = self._post(json.dumps({kind: [name]}).encode(), self.read_key())
        if status == 429:
            raise PurgeError("the edge accepts no more purges now; try again in a minute")
        self._expect_success(status)

    def _expect_success(self, status: int) -> None:
        if status != 200:
            raise PurgeError(f"the edge was not purged: {self.url}{_PATH} answers {status}")

    def _post(self, body: bytes, key: str) -> int:
        headers = {"Content-Type": "application/json", _SIGNATURE_HEADER: _signature(body, key, int(time.time()))}
        try:
            return self.http.request("POST", self.url + _PATH, body=body, headers=headers).status
        except urllib3.exceptions.HTTPError as error:
            # After several failed attempts, the attribute `reason` of urllib3's exception contains the cause.
            cause = getattr(error, "reason", None) or error
            raise PurgeError(f"the edge was not purged: {self.url} does not answer: {type(cause).__name__}") from None


@dataclass(frozen=True)
class CloudflareEdge:
    """Purges the cache of one stack's edge network, and writes entries such as the list of withdrawn objects to Workers
    KV.

    `purges` sends purge requests to the edge worker. `entries` is the client of the Cloudflare API that writes to
    Workers KV. The client's API token must have the permission to edit the Workers KV namespace `namespace_id`.
    """

    purges: WorkerPurges
    entries: CloudflareApi
    account_id: str
    namespace_id: str

    def purge(self, keys: Sequence[str]) -> None:
        self.purges.purge(keys)

    def write_entry(self, name: str, value: bytes) -> None:
        """Writes one entry to the edge's Workers KV namespace. Raises CloudflareError if Cloudflare refuses or does not
        answer.
        """
        namespace = f"/accounts/{self.account_id}/storage/kv/namespaces/{self.namespace_id}"
        self.entries.send("PUT", f"{namespace}/values/{name}", value, "application/octet-stream")

    def refuse(self, keys: Sequence[str]) -> None:
        try:
            self.write_entry(WITHDRAWN, withdrawn_entry(keys))
        except CloudflareError as error:
            raise RegistryError(f"the quarantine list at the edge was not updated: {error}") from None


def _signature(body: bytes, key: str, now: int) -> str:
    mac = hmac.new(key.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now},v1={mac}"
