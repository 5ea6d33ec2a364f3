"""Runs an image registry, Debian's CNCF Distribution, and builds images for it.

Tests import images from this registry.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.free_ports import free_port

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_EMPTY = "application/vnd.oci.empty.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_STARTS_WITHIN_SECONDS = 120


class Images:
    """Builds container images in a directory, one blob at a time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "blobs" / "sha256").mkdir(parents=True)

    def blob(self, body: bytes, media_type: str = "application/octet-stream") -> dict[str, Any]:
        """Writes a blob of a container image, and returns the blob's descriptor."""
        digest = hashlib.sha256(body).hexdigest()
        (self.directory / "blobs" / "sha256" / digest).write_bytes(body)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(body)}

    def image(self, architecture: str, layers: list[bytes]) -> dict[str, Any]:
        config = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": list[str]()}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
            "layers": [self.blob(gzip.compress(layer, mtime=0), _LAYER) for layer in layers],
        }
        platform = {"platform": {"architecture": architecture, "os": "linux"}}
        return {**self.blob(json.dumps(manifest).encode(), MANIFEST), **platform}

    def index(self, manifests: list[dict[str, Any]]) -> dict[str, Any]:
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        return self.blob(json.dumps(index).encode(), INDEX)

    def referrer(self, subject: dict[str, Any], kind: str, body: bytes) -> dict[str, Any]:
        """Writes an image manifest whose field `subject` names another manifest. Returns a descriptor of the new
        manifest, as it appears in a list of referrers.
        """
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": self.blob(b"{}", _EMPTY),
            "layers": [self.blob(body)],
            "subject": {name: subject[name] for name in ("mediaType", "digest", "size")},
        }
        return {**self.blob(json.dumps(manifest).encode(), MANIFEST), "artifactType": kind}

    def push(self, host: str, repository: str, descriptor: dict[str, Any], tag: str = "", *, auth: Any = None) -> None:
        """Pushes an image with the push requests of the OCI Distribution Specification. Sends manifests and blobs
        unchanged.

        The tests do not push with skopeo, because Debian 12's skopeo rewrites image indexes.
        """
        with httpx.Client(base_url=f"http://{host}/v2/{repository}", auth=auth, timeout=60) as client:
            self._push(client, descriptor, tag or descriptor["digest"])

    def _push(self, client: httpx.Client, descriptor: dict[str, Any], reference: str) -> None:
        body = (self.directory / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
        content = json.loads(body)
        for child in content.get("manifests", []):
            self._push(client, child, child["digest"])
        for part in [content["config"], *content["layers"]] if "layers" in content else []:
            where = client.post("/blobs/uploads/").raise_for_status().headers["location"]
            layer = (self.directory / "blobs" / part["digest"].replace(":", "/")).read_bytes()
            uploaded = client.put(httpx.URL(where).copy_merge_params({"digest": part["digest"]}), content=layer)
            uploaded.raise_for_status()
        headers = {"Content-Type": descriptor["mediaType"]}
        client.put(f"/manifests/{reference}", content=body, headers=headers).raise_for_status()


@contextmanager
def serving(directory: Path, address: str = "127.0.0.1", htpasswd: str = "") -> Generator[str]:
    """Serves a registry, and yields the registry's host and port.

    `htpasswd` is one line of an htpasswd file. Without `htpasswd`, every client may read and write.
    """
    host = f"{address}:{free_port(address)}"
    config: dict[str, Any] = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(directory / "storage")}},
        "http": {"addr": host},
        "log": {"level": "error"},
    }
    directory.mkdir(parents=True, exist_ok=True)
    if htpasswd:
        (directory / "htpasswd").write_text(htpasswd)
        config["auth"] = {"htpasswd": {"realm": "images", "path": str(directory / "htpasswd")}}
    (directory / "config.yml").write_text(yaml.safe_dump(config))
    with (directory / "log").open("w") as log:
        command = ["docker-registry", "serve", directory / "config.yml"]
        # Starts docker-registry without environment variables. docker-registry reads every variable REGISTRY_* as a
        # setting, but image clients use REGISTRY_AUTH_FILE for another purpose.
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env={})
    try:
        _wait_until_up(host, directory / "log")
        yield host
    finally:
        server.terminate()
        server.wait()


def _wait_until_up(host: str, log: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
    while True:
        try:
            httpx.get(f"http://{host}/v2/")
            return
        except httpx.TransportError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
