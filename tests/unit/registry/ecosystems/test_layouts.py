"""Tests the publication of an image from an OCI image layout. The layout also contains the image's referrers."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from registry import RegistryError
from registry.catalog.artifact import Artifact
from registry.ecosystems import oci
from registry.ecosystems.layouts import tags_of
from tests.support.image_registry import INDEX, MANIFEST, Images
from tests.support.images import LAYER, runnable

_NAME = "org.opencontainers.image.ref.name"


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path)


def read(images: Images, listed: dict[str, dict[str, Any]], tag: str) -> Artifact:
    """Writes an OCI image layout, and reads the image with the tag `tag` from it. `listed` maps names to the
    descriptors in the layout's index. Each name is the tag of its descriptor. A name that begins with `untagged` sets
    no tag.
    """
    manifests = [
        {**each, **({"annotations": {_NAME: name}} if not name.startswith("untagged") else {})}
        for name, each in listed.items()
    ]
    (images.directory / "oci-layout").write_text("{}")
    (images.directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))
    return oci.read(images.directory, "acme/app", tag)


def facts(artifact: Artifact) -> dict[str, Any]:
    return {fact.name: fact.content for change in artifact.changes for fact in change.facts}


def keys(artifact: Artifact) -> list[str]:
    return [blob.key for blob in artifact.blobs]


def key(section: str, descriptor: dict[str, Any]) -> str:
    return f"oci/{section}/acme/app/{descriptor['digest'].replace(':', '/')}"


def test_referrers_and_signatures_of_the_image_come_along_and_other_images_do_not(images: Images) -> None:
    top, other = runnable(images, [{"a": "b"}]), runnable(images, [{"a": "c"}])
    sbom = images.referrer(top, "application/spdx+json", b"sbom")
    of_sbom = images.referrer(sbom, "application/signature", b"signed")
    by_tag = runnable(images, [{"signature": "x"}])
    signature = f"{top['digest'].replace(':', '-')}.sig"
    listed = {"1.0": top, "2.0": other, "untagged-1": of_sbom, "untagged-2": sbom, signature: by_tag}
    artifact = read(images, listed, "1.0")
    for each in (top, sbom, of_sbom, by_tag):
        assert key("manifests", each) in keys(artifact)
    assert key("manifests", other) not in keys(artifact)
    tags = {name for name in facts(artifact) if name.startswith("tag#")}
    assert tags == {"tag#1.0", f"tag#{signature}"}
    assert facts(artifact)[f"manifest#{sbom['digest']}"]["subject"] == top["digest"]


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("docker.io/library/alpine:3.20", "3.20"),
        ("localhost:5000/acme/app:1.0", "1.0"),
        ("centos:8.3.2011", "8.3.2011"),
        (f"acme/app:1.0@sha256:{'a' * 64}", "1.0"),
    ],
)
def test_a_tag_may_stand_behind_the_whole_name_of_the_image(images: Images, name: str, tag: str) -> None:
    top = runnable(images, [{"a": "b"}])
    artifact = read(images, {name: top}, "")
    assert [fact for fact in facts(artifact) if fact.startswith("tag#")] == [f"tag#{tag}"]
    assert tags_of(images.directory) == [tag]


@pytest.mark.parametrize("name", ["untagged", "localhost:5000/acme/app", f"acme/app@sha256:{'a' * 64}"])
def test_a_layout_without_a_tag_is_refused_unless_the_operator_names_one(images: Images, name: str) -> None:
    top = runnable(images, [{"a": "b"}])
    with pytest.raises(RegistryError, match="its index states no tag of the image; choose one with --tag"):
        read(images, {name: top}, "")
    assert read(images, {name: top}, "1.0").title == "oci acme/app:1.0"
    assert tags_of(images.directory) == []


def test_the_tag_comes_from_containerds_annotation_where_there_is_no_other(images: Images) -> None:
    top = {**runnable(images, [{"a": "b"}]), "annotations": {"io.containerd.image.name": "docker.io/acme/app:1.0"}}
    assert read(images, {"untagged": top}, "").title == "oci acme/app:1.0"


def test_images_of_several_repositories_in_one_layout_are_told_apart_by_their_tags_or_refused(images: Images) -> None:
    first, second, third = (runnable(images, [{"a": text}]) for text in "bcd")
    listed = {
        "x.test/mysql:latest": first,
        "x.test/redis:latest": second,
        "x.test/redis:7": third,
        "x.test/red:7": third,
    }
    assert key("manifests", third) in keys(read(images, listed, "7"))
    with pytest.raises(
        RegistryError, match=r"2 images with the tag latest \(x.test/mysql:latest, x.test/redis:latest\)"
    ):
        read(images, listed, "latest")
    assert tags_of(images.directory) == ["latest", "7"]


def test_a_cache_index_of_layers_is_published(images: Images) -> None:
    layer = images.blob(b"cached", f"{LAYER}+gzip")
    top = images.index([layer])
    assert keys(read(images, {"cache": top}, "cache")) == [key("manifests", top), key("blobs", layer)]


def test_a_foreign_layer_that_the_layout_lacks_is_left_to_its_url(images: Images) -> None:
    config, own = images.blob(b"{}", "application/vnd.oci.image.config.v1+json"), images.blob(b"own", LAYER)
    base: dict[str, Any] = {
        "mediaType": LAYER,
        "digest": f"sha256:{'a' * 64}",
        "size": 9,
        "urls": ["https://layers.example/base"],
    }
    data = {**images.blob(b"embedded", LAYER), "data": base64.b64encode(b"embedded").decode()}
    (images.directory / "blobs" / data["digest"].replace(":", "/")).unlink()
    content = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [base, own, data]}
    top = images.blob(json.dumps(content).encode(), MANIFEST)
    artifact = read(images, {"1.0": top}, "1.0")
    assert key("blobs", base) not in keys(artifact)
    assert {key("blobs", config), key("blobs", own), key("blobs", data)} < set(keys(artifact))
    (reason,) = artifact.left_out
    assert base["digest"] in reason
    assert "https://layers.example/base" in reason


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        ({"digest": f"sha256:{'a' * 64}", "size": 9}, "is missing; copy the whole image"),
        ({"digest": f"sha256:{'a' * 64}", "size": 9, "data": "!!"}, "embedded in its descriptor does not match"),
        ({"digest": f"md5:{'a' * 32}", "size": 9}, "is not a sha256 or sha512 digest"),
    ],
)
def test_what_a_layout_lacks_or_damages_is_named(images: Images, layer: dict[str, Any], says: str) -> None:
    content = {"config": images.blob(b"{}"), "layers": [{"mediaType": LAYER, **layer}]}
    top = images.blob(json.dumps(content).encode(), MANIFEST)
    with pytest.raises(RegistryError, match=says):
        read(images, {"1.0": top}, "1.0")


def test_an_index_with_some_of_its_platforms_is_published_and_the_others_are_named(images: Images) -> None:
    """Reads an OCI layout with the complete index of an image, but with the manifests of only one platform. Clients
    write such a layout when they save a single platform of an image.
    """
    amd64 = runnable(images, [{"a": "b"}])
    arm64 = runnable(images, [{"a": "c"}], platform={"architecture": "arm64", "os": "linux", "variant": "v8"})
    top = images.index([images.index([amd64]), arm64])
    (images.directory / "blobs" / arm64["digest"].replace(":", "/")).unlink()
    artifact = read(images, {"1.0": top}, "1.0")
    assert {key("manifests", top), key("manifests", amd64)} < set(keys(artifact))
    assert key("manifests", arm64) not in keys(artifact)
    (reason,) = artifact.left_out
    assert arm64["digest"] in reason
    assert "linux/arm64/v8" in reason


def test_an_index_without_any_of_its_manifests_is_refused(images: Images) -> None:
    top = images.index([{"mediaType": INDEX, "digest": f"sha256:{'b' * 64}", "size": 2}])
    with pytest.raises(RegistryError, match=r"b{64} is missing"):
        read(images, {"1.0": top}, "1.0")
