"""The images that the tests of clients pull: built here, served by a registry, and imported as operators do it."""

from __future__ import annotations

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
TEXT = "an image for every client"
ARM_TEXT = "the same for another platform"


@dataclass(frozen=True)
class Published:
    """The descriptors of the images by tag, and the SBOM that refers to the amd64 image."""

    tags: dict[str, dict[str, Any]]
    amd64: dict[str, Any]
    sbom: dict[str, Any]


def publish(up: Up, directory: Path) -> Published:
    """Publishes the images to the sandbox, and configures the client `clients`, which may pull them."""
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
    sbom = images.referrer(amd64, "application/spdx+json", b"what is in it")
    with serving(directory / "registry") as host:
        for tag, top in tags.items():
            images.push(host, REPOSITORY, top, tag)
        images.push(host, REPOSITORY, images.index([sbom]), amd64["digest"].replace(":", "-"))
        journal = directory / "journal"
        done = registry(
            up, "import", f"oci:{host}/{REPOSITORY}", "--all-versions", "--plain-http", "--journal", journal
        )
    assert done.returncode == 0, done.stderr
    url = up.outputs()["url"]
    Client(up.sandbox, "clients", url).configure(
        operator.issue_token(up.sandbox, up.outputs(), "clients", ["oci:clients/*:pull"])
    )
    return Published(tags, amd64, sbom)
