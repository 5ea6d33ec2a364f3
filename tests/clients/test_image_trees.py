"""Tests that images of several platforms are imported and pulled through the edge, with all manifests and blobs."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import operator
from local.clients import Client
from tests.clients.image_clients import IMAGE_CLIENTS, Setting
from tests.clients.matrix import Section, rows
from tests.clients.programs import how_to_install, program
from tests.support import images as built
from tests.support.image_registry import Images, serving
from tests.support.sandbox.commands import registry
from tests.support.sandbox.up import Up

PLATFORMS = (
    {"architecture": "amd64", "os": "linux"},
    {"architecture": "arm64", "os": "linux", "variant": "v8"},
    {"architecture": "s390x", "os": "linux"},
)
NAMES = ("base", "web", "tools")


@dataclass(frozen=True)
class Imported:
    """The imported images. For each repository, `indexes` has the digest of the image index, and `digests` has the
    digests of all manifests and blobs.
    """

    identity: Client
    indexes: dict[str, str]
    digests: dict[str, set[str]]


@pytest.fixture(scope="module")
def imported(up: Up, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """Imports three images of three platforms each. All images of a platform share their first layer."""
    directory = tmp_path_factory.mktemp("trees")
    images = Images(directory / "images")
    indexes: dict[str, dict[str, Any]] = {}
    for name in NAMES:
        platforms = [
            built.runnable(images, [{"base": each["architecture"]}, {"app": f"{name} {each}"}], platform=each)
            for each in PLATFORMS
        ]
        indexes[f"trees/{name}"] = images.index(platforms)
    with serving(directory / "registry") as host:
        for repository, index in indexes.items():
            images.push(host, repository, index, "1.0")
        sources = [f"oci:{host}/{repository}:1.0" for repository in indexes]
        done = registry(up, "import", *sources, "--plain-http", "--journal", directory / "journal")
    assert done.returncode == 0, done.stdout + done.stderr
    identity = Client(up.sandbox, "image-trees", up.outputs()["url"])
    identity.configure(operator.issue_token(up.sandbox, up.outputs(), "image-trees", ["oci:trees/*:pull"]))
    return Imported(
        identity,
        {repository: index["digest"] for repository, index in indexes.items()},
        {repository: set(_below(images, index)) for repository, index in indexes.items()},
    )


def _below(images: Images, descriptor: dict[str, Any]) -> Iterator[str]:
    """Yields the digest of the manifest to which `descriptor` refers, and the digests of all manifests and blobs that
    this manifest needs.
    """
    yield descriptor["digest"]
    content = json.loads((images.directory / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes())
    for child in content.get("manifests", []):
        yield from _below(images, child)
    for part in [content["config"], *content["layers"]] if "layers" in content else []:
        yield part["digest"]


def _in(directory: Path) -> set[str]:
    """Returns the digests of all files that a client wrote into a directory, computed from the files' bytes."""
    files = (file for file in directory.rglob("*") if file.is_file())
    return {f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files}


@rows(Section.TREES, ["skopeo 1.9"], "3 images of 3 platforms with their digests")
def test_images_of_several_platforms_are_pulled_completely(name: str, imported: Imported) -> None:
    client = IMAGE_CLIENTS[name.partition(" ")[0]]
    if program(client.programs[0]) is None:
        pytest.skip(f"{client.programs[0]} is not installed; {how_to_install(client.programs[0])}")
    assert client.pull is not None
    for repository, index in imported.indexes.items():
        with tempfile.TemporaryDirectory(prefix="ae-") as directory:
            setting = Setting(imported.identity, Path(directory))
            setting.prepare()
            done = client.pull(setting, f"{setting.host}/{repository}:1.0")
            assert done.returncode == 0, done.stderr
            assert index in done.stdout
            assert imported.digests[repository] <= _in(Path(directory) / "pulled")
