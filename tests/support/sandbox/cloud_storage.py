"""Provides a temporary sandbox of emulated clouds for tests. The sandbox contains a stack whose objects are on Cloud
Storage.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tests.support.sandbox.own_stack import OwnStack, own_stack

PROJECT = "artifact-edge-unit"
CONFIG = {
    "aws:region": "us-east-1",
    "gcp:project": PROJECT,
    "artifact-edge:name": "example",
    "artifact-edge:domain": "objects.artifact-edge.example",
    "artifact-edge:tags": {"owner": "platform", "cost_center": "none"},
    "artifact-edge:blobs": {"store": "gcs", "regions": ["us-east1", "us-central1"], "lock": "governance"},
    "artifact-edge:metadata": {"store": "dynamodb", "regions": ["us-east-1", "us-west-2"]},
    "artifact-edge:shields": [{"cloud": "gcp", "region": "us-east1", "machine_type": "n2-standard-8", "nodes": 1}],
    "artifact-edge:edge": {
        "account_id": "0123456789abcdef0123456789abcdef",
        "zone": "artifact-edge-zone.test",
    },
    "artifact-edge:protect": False,
}


class OnCloudStorage(OwnStack):
    """A stack that keeps its objects on Cloud Storage."""

    @property
    def bucket(self) -> str:
        return self.outputs()["buckets"][0]["name"]

    def api(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Calls the API of the emulated Google Cloud. Raises httpx.HTTPStatusError on an error status."""
        return httpx.request(method, f"{self.sandbox.gcp_url}{path}", **more).raise_for_status()

    def store(self, key: str, size: int) -> bytes:
        """Writes a random immutable object into the stack's bucket, and returns the object's content. No cache contains
        the object.
        """
        body, name = os.urandom(size), quote(key, safe="")
        self.api("POST", f"/upload/storage/v1/b/{self.bucket}/o?uploadType=media&name={name}", content=body)
        settings = {"cacheControl": "public, max-age=31536000, immutable"}
        self.api("PATCH", f"/storage/v1/b/{self.bucket}/o/{name}", json=settings)
        return body

    def origin_requests(self, key: str) -> int:
        seen = self.api("GET", "/_artifact-edge/requests").json()
        return seen.get(f"{self.bucket}/{key}", {}).get("GET", 0)

    @property
    def machine(self) -> Path:
        """Returns the root directory of the file system of the shield machine (a regional cache)."""
        (found,) = self.sandbox.directory.glob("machines/*/root")
        return found


@contextmanager
def on_cloud_storage(loopback: str, name: str, config: Mapping[str, Any]) -> Generator[OnCloudStorage]:
    """Deploys a stack in a temporary sandbox of emulated clouds, with a token for the client `reader`. `loopback` is
    the first part of the sandbox's IP addresses, such as `127.96`.
    """
    with own_stack(loopback, name, config) as stack:
        yield OnCloudStorage(stack.sandbox, stack.printed, stack.project)
