"""Provides a temporary sandbox with a stack whose objects are on Cloud Storage, for tests."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import yaml

from emulation import services
from local import health, operator
from local.clients import GRANTS, Client
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox
from tests.support.sandbox.up import Up

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


@dataclass(frozen=True)
class OnCloudStorage(Up):
    """A sandbox's stack with objects on Cloud Storage, after `pulumi up`. The stack's functions, machines and workers
    run, and the sample packages are published.
    """

    project: TemporarySandbox

    @cached_property
    def _outputs(self) -> dict[str, Any]:
        return json.loads(self.project.pulumi("stack", "output", "--json").stdout)

    def outputs(self) -> dict[str, Any]:
        return self._outputs

    @property
    def bucket(self) -> str:
        return self.outputs()["buckets"][0]["name"]

    def api(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Calls the API of the emulated Google Cloud. Raises httpx.HTTPStatusError on an error status."""
        return httpx.request(method, f"{self.sandbox.gcp_url}{path}", **more).raise_for_status()

    def store(self, key: str, size: int) -> bytes:
        """Puts a random immutable object, which no cache holds, into the stack's bucket, and returns its content."""
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
        """Returns the root directory of the shield machine's file system."""
        (found,) = self.sandbox.directory.glob("machines/*/root")
        return found


@contextmanager
def on_cloud_storage(loopback: str, name: str, config: Mapping[str, Any]) -> Generator[OnCloudStorage]:
    """Deploys a stack in a temporary sandbox at the `loopback` addresses, with a token for the client `reader`."""
    with temporary_sandbox(loopback, print) as made:
        (made.project / "stacks" / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": dict(config)}))
        made.new_stack(name)
        result = made.pulumi("up", "--yes", "--skip-preview")
        assert result.returncode == 0, result.stdout + result.stderr
        stack = OnCloudStorage(made.clouds, "", made)
        services.start(made.clouds, services.RUNTIME)
        health.wait(made.clouds, stack.outputs(), print)
        operator.publish_samples(made.clouds, stack.outputs())
        reader = Client(made.clouds, "reader", stack.outputs()["url"])
        reader.configure(operator.issue_token(made.clouds, stack.outputs(), "reader", GRANTS["reader"]))
        yield stack
