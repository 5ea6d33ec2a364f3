"""Builds the images that the client tests pull. A local image registry serves the images, and the command `registry
import` copies the images from there to the sandbox (the emulated clouds on this machine).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import operator
from local.clients import Client
from tests.support import images as built
from tests.support.image_registry import Images, serving
from tests.support.sandbox.commands import registry
from tests.support.sandbox.up import Up

REPOSITORY = "clients/app"
CHART = "clients/chart"
CHART_VERSION = "0.1.0"
NOTE = "an artifact that is no image"
TEXT = "an image for every client"
ARM_TEXT = "the same for another platform"


@dataclass(frozen=True)
class Published:
    """The OCI descriptors of the images that the tests published. `tags` maps each tag to its image. `amd64` is the
    image for amd64, and `sbom` is an SBOM that refers to this image.
    """

    tags: dict[str, dict[str, Any]]
    amd64: dict[str, Any]
    sbom: dict[str, Any]


def publish(up: Up, directory: Path) -> Published:
    """Publishes the images to the sandbox (the emulated clouds on this machine), and creates a token that may pull them
    for the image clients.
    """
    images = Images(directory / "images")
    docker = (built.DOCKER_MANIFEST, built.DOCKER_CONFIG, built.DOCKER_LAYER)
    zstd = (built.MANIFEST, built.CONFIG, f"{built.LAYER}+zstd")
    files = [{"app/base": "below"}, {"app/README": TEXT}]
    amd64 = built.runnable(images, files)
    arm64 = built.runnable(
        images, [{"app/README": ARM_TEXT}], platform={"architecture": "arm64", "os": "linux", "variant": "v8"}
    )
    tags = {
        "1.0": images.index([amd64, arm64]),
        "schema2": built.runnable(images, files, media_types=docker),
        "zstd": built.runnable(images, files, media_types=zstd, compress=built.zstandard),
    }
    tags |= {"many": built.runnable(images, [{f"layer-{number}": "x"} for number in range(140)])}
    note = _artifact(images, "application/x-note", {**images.blob(NOTE.encode(), "text/plain"), **_named("note.txt")})
    sbom = images.referrer(amd64, "application/spdx+json", b"what is in it")
    with serving(directory / "registry") as host:
        for tag, top in tags.items():
            images.push(host, REPOSITORY, top, tag)
        images.push(host, REPOSITORY, images.index([sbom]), amd64["digest"].replace(":", "-"))
        images.push(host, REPOSITORY, note, "note")
        images.push(host, CHART, _chart(images), CHART_VERSION)
        journal = directory / "journal"
        sources = [f"oci:{host}/{each}" for each in (REPOSITORY, CHART)]
        done = registry(up, "import", *sources, "--all-versions", "--plain-http", "--journal", journal)
    assert done.returncode == 0, done.stderr
    url = up.outputs()["url"]
    Client(up.sandbox, "clients", url).configure(
        operator.issue_token(up.sandbox, up.outputs(), "clients", ["oci:clients/*:pull"])
    )
    return Published(tags, amd64, sbom)


def _artifact(images: Images, kind: str, layer: dict[str, Any], config: dict[str, Any] | None = None) -> dict[str, Any]:
    """Writes the manifest of an OCI artifact that is not an image. By default, the artifact has the empty config of the
    OCI Image Specification 1.1.
    """
    empty = images.blob(b"{}", "application/vnd.oci.empty.v1+json")
    content = {
        "schemaVersion": 2,
        "mediaType": built.MANIFEST,
        "artifactType": kind,
        "config": config or empty,
        "layers": [layer],
    }
    return images.blob(json.dumps(content).encode(), built.MANIFEST)


def _named(file: str) -> dict[str, Any]:
    """Returns an annotation for the descriptor of a layer. The annotation names the file in the layer. The client oras
    reads the file's name from the annotation.
    """
    return {"annotations": {"org.opencontainers.image.title": file}}


def _chart(images: Images) -> dict[str, Any]:
    """Writes a Helm chart (helm.sh, "Use OCI-based registries")."""
    about = {"apiVersion": "v2", "name": "chart", "version": CHART_VERSION}
    packed = built.gzipped(built.tar({"chart/Chart.yaml": json.dumps(about)}))
    config = images.blob(json.dumps(about).encode(), "application/vnd.cncf.helm.config.v1+json")
    return _artifact(images, "", images.blob(packed, "application/vnd.cncf.helm.chart.content.v1.tar+gzip"), config)
