"""Reads services from the API of the emulated Cloud Run, and runs each instance of a service as a process.

The process runs the unpacked sources of the service."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from emulation.gcp import metadata_clients
from emulation.gcp.cloud_run.effects import SERVICES_PATH
from emulation.layout import Sandbox

# The port at which a container receives requests from Cloud Run by default ("Container runtime contract").
PORT = 8080
# All requests to instances share this HTTP client, because each new client loads the certificates of all authorities
# again. The client opens a new connection for each request, because an instance may end between two requests.
HTTP = httpx.Client(trust_env=False, timeout=60, limits=httpx.Limits(max_keepalive_connections=0))
_INHERITED_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR")


class NotStarted(Exception):
    """Raised when an instance of a Cloud Run service does not start. The error's message contains the names of the
    service and of its log file.
    """


@dataclass(frozen=True)
class Deployed:
    """A deployed Cloud Run service. `revision` is a hash of the service's template. A changed template therefore makes
    a new revision.
    """

    name: str
    host: str
    template: Mapping[str, Any]
    public: bool
    revision: str

    @property
    def container(self) -> Mapping[str, Any]:
        return self.template["containers"][0]

    @property
    def least(self) -> int:
        return self.template.get("scaling", {}).get("minInstanceCount", 0)


def deployed(sandbox: Sandbox) -> dict[str, Deployed]:
    """Returns a mapping from the name of each deployed Cloud Run service to the service. Raises httpx.HTTPError when
    the emulated Google Cloud does not answer."""
    documents = HTTP.get(f"{sandbox.gcp_url}{SERVICES_PATH}").raise_for_status().json()
    return {service.name: service for service in map(_service, documents)}


def _service(document: Mapping[str, Any]) -> Deployed:
    text = json.dumps(document["template"], sort_keys=True)
    invokers = [each["members"] for each in document["iam"]["bindings"] if each["role"] == "roles/run.invoker"]
    return Deployed(
        name=document["selfLink"].rsplit("/", 1)[1],
        host=httpx.URL(document["uri"]).host,
        template=document["template"],
        public=any("allUsers" in members for members in invokers),
        revision=hashlib.sha256(text.encode()).hexdigest()[:8],
    )


class Instance:
    """One instance of a Cloud Run service: a process that listens on a loopback address of its own."""

    def __init__(self, sandbox: Sandbox, service: Deployed) -> None:
        self.service = service
        self._sandbox = sandbox
        email = service.template["serviceAccount"]
        self._metadata = metadata_clients.register(sandbox, f"run-{service.name}", email)
        self.address = f"{sandbox.loopback}.5.{self._metadata.split(':')[0].rsplit('.', 1)[1]}"
        self._directory = sandbox.path("run-services", service.name, service.revision, "x").parent
        self._unpack()
        log = sandbox.path("logs", f"run-{service.name}.log")
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                # With `-S`, Python can import only the standard library and the deployed sources, and none of the
                # packages that are installed on this machine. Cloud Run does not have these packages either.
                [sys.executable, "-S", *service.container["args"]],
                cwd=self._directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def url(self) -> str:
        return f"http://{self.address}:{PORT}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def runs(self) -> bool:
        return self._process.poll() is None

    def answers(self, probe: str) -> bool:
        """Returns whether a health probe of a Cloud Run container succeeds. `probe` is the name of the probe, such as
        `livenessProbe`."""
        path = self.service.container[probe]["httpGet"]["path"]
        try:
            return HTTP.get(self.url + path, timeout=1).is_success
        except httpx.HTTPError:
            return False

    def wait(self) -> None:
        """Waits until the startup probe of a Cloud Run instance succeeds. Raises NotStarted when the probe fails too
        often or the process ends."""
        probe = self.service.container["startupProbe"]
        for _ in range(probe["failureThreshold"] * probe["periodSeconds"] * 10):
            if self.answers("startupProbe"):
                return
            if not self.runs():
                break
            time.sleep(0.1)
        self.stop()
        raise NotStarted(f"{self.service.name} does not start; see logs/run-{self.service.name}.log")

    def stop(self) -> None:
        if self.runs():
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    def _unpack(self) -> None:
        if any(self._directory.iterdir()):
            return
        source = self.service.container["sourceCode"]["cloudStorageSource"]
        path = f"/storage/v1/b/{source['bucket']}/o/{quote(source['object'], safe='')}"
        query = {"alt": "media", "generation": source["generation"]}
        packed = HTTP.get(self._sandbox.gcp_url + path, params=query).raise_for_status().content
        with zipfile.ZipFile(io.BytesIO(packed)) as file:
            file.extractall(self._directory)

    def _environment(self) -> dict[str, str]:
        """Returns the environment variables of a Cloud Run container: the service's own variables, the variables that
        Cloud Run sets, and the addresses of the emulated clouds.
        """
        sandbox = self._sandbox
        return {
            **{name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ},
            **{each["name"]: each["value"] for each in self.service.container.get("env", [])},
            "PORT": str(PORT),
            "HOST": self.address,
            "K_SERVICE": self.service.name,
            "K_REVISION": f"{self.service.name}-{self.service.revision}",
            "GCE_METADATA_HOST": self._metadata,
            "AWS_ENDPOINT_URL": sandbox.aws_url,
            "CLOUDFLARE_BASE_URL": sandbox.cloudflare_url,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SPANNER": f"{sandbox.gcp_url}/spanner/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"{sandbox.gcp_url}/pubsub/",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
