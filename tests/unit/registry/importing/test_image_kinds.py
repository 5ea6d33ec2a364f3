"""Tests that this registry can import every form of image that builders such as BuildKit push. The images come from an
emulated registry.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest

from registry.importing.pipeline import Imported
from tests.support.image_registry import INDEX, MANIFEST, Images
from tests.support.image_source import ImageSource
from tests.support.images import CONFIG, DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST, LAYER, runnable, zstandard
from tests.support.registry import Network, network, on_s3_only

__all__ = ["network"]

DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
CACHE_CONFIG = "application/vnd.buildkit.cacheconfig.v0"
EMPTY = "application/vnd.oci.empty.v1+json"


def written(images: Images, content: object, media_type: str) -> dict[str, Any]:
    return images.blob(json.dumps(content).encode(), media_type)


def manifest(images: Images, layers: list[Any] | None, **more: Any) -> dict[str, Any]:
    config = images.blob(b'{"os":"linux"}', CONFIG)
    content = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, **more}
    return written(images, content, MANIFEST)


def index(images: Images, manifests: list[Any] | None, media_type: str = INDEX, **more: Any) -> dict[str, Any]:
    content = {"schemaVersion": 2, "mediaType": media_type, "manifests": manifests, **more}
    return written(images, content, media_type)


def key(section: str, descriptor: Mapping[str, Any]) -> str:
    return f"oci/{section}/team/app/{descriptor['digest'].replace(':', '/')}"


def assert_carried(network: Network, images: Images, top: Mapping[str, Any], tag: str = "1.0") -> None:
    """Asserts that the tag, manifests, configs and layers of an imported image are stored byte for byte."""
    assert network.head(f"oci/tags/team/app/{tag}").metadata["digest"] == top["digest"]
    waiting = [top]
    while waiting:
        descriptor = waiting.pop()
        body = network.get(key("manifests", descriptor))
        assert body == (images.directory / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
        assert network.head(key("manifests", descriptor)).content_type == descriptor["mediaType"]
        content: dict[str, Any] = json.loads(body)
        waiting += content.get("manifests") or []
        config: list[Any] = [content["config"]] if "config" in content else []
        layers: list[Any] = content.get("layers") or []
        for part in [*config, *layers]:
            assert len(network.get(key("blobs", part))) == part["size"]


def assert_clean(imported: Imported, new: int = 1) -> None:
    assert (imported.new, imported.failed, imported.left_out) == (new, [], [])


def test_a_buildkit_cache_whose_index_lists_layers(network: Network, importing: Any, images: Images) -> None:
    layer = images.blob(b"cached", f"{LAYER}+gzip")
    config = written(images, {"layers": [{"blob": layer["digest"]}], "records": []}, CACHE_CONFIG)
    top = index(images, [layer, config])
    assert_clean(importing(ImageSource(images, {"1.0": top})))
    assert network.get("oci/tags/team/app/1.0") == network.get(key("manifests", top))
    assert network.get(key("blobs", layer)) == b"cached"
    assert json.loads(network.get(key("blobs", config)))["records"] == []


def test_a_buildkit_cache_as_an_image_manifest(network: Network, importing: Any, images: Images) -> None:
    config = written(images, {"layers": [], "records": []}, CACHE_CONFIG)
    top = written(
        images,
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [images.blob(b"x", f"{LAYER}+zstd")]},
        MANIFEST,
    )
    assert_clean(importing(ImageSource(images, {"1.0": top})))
    assert_carried(network, images, top)


def test_nested_indexes_and_attestations(network: Network, importing: Any, images: Images) -> None:
    image = runnable(images, [{"a": "b"}])
    attestation = manifest(images, [images.blob(b"{}", "application/vnd.in-toto+json")])
    unknown = {"platform": {"architecture": "unknown", "os": "unknown"}}
    annotations = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]}
    inner = index(images, [image, {**attestation, **unknown, "annotations": annotations}])
    top = index(images, [inner, index(images, [])])
    assert_clean(importing(ImageSource(images, {"1.0": top})))
    assert_carried(network, images, top)


@on_s3_only
def test_indexes_nested_too_deep_fail_by_name(importing: Any, images: Images) -> None:
    top = index(images, [])
    for _ in range(6):
        top = index(images, [top])
    ((_, reason),) = importing(ImageSource(images, {"1.0": top})).failed
    assert "nested deeper than 4" in reason


def test_a_sparse_index_is_carried_as_far_as_its_source_has_it(
    network: Network, importing: Any, images: Images
) -> None:
    amd64 = runnable(images, [{"a": "b"}])
    arm64 = runnable(images, [{"a": "c"}], platform={"architecture": "arm64", "os": "linux", "variant": "v8"})
    top = index(images, [amd64, arm64])
    source = ImageSource(images, {"1.0": top})
    source.absent.add(arm64["digest"])
    imported = importing(source)
    assert (imported.new, imported.failed) == (1, [])
    ((_, reason),) = imported.left_out
    assert arm64["digest"] in reason
    assert "linux/arm64/v8" in reason
    assert imported.kinds == {"manifest": 1}
    assert json.loads(network.get("oci/tags/team/app/1.0"))["manifests"][1]["digest"] == arm64["digest"]
    assert network.get(key("manifests", amd64))


@on_s3_only
def test_a_missing_layer_fails_the_image_by_name(network: Network, importing: Any, images: Images) -> None:
    top = runnable(images, [{"a": "b"}])
    layer = json.loads((images.directory / "blobs" / top["digest"].replace(":", "/")).read_bytes())["layers"][0]
    source = ImageSource(images, {"1.0": top})
    source.absent.add(layer["digest"])
    ((_, reason),) = importing(source).failed
    assert layer["digest"] in reason
    assert "404" in reason
    assert "oci/tags/team/app/1.0" not in network.objects()


FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


@pytest.mark.parametrize("media_type", [FOREIGN, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"])
@on_s3_only
def test_a_windows_image_with_a_foreign_layer(
    network: Network, importing: Any, images: Images, media_type: str
) -> None:
    base: dict[str, Any] = {**images.blob(b"not here", media_type), "urls": ["https://layers.example/base"]}
    own = images.blob(b"own", DOCKER_LAYER)
    config = written(images, {"os": "windows", "os.version": "10.0.20348.2113"}, DOCKER_CONFIG)
    content = {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": [base, own]}
    image = written(images, content, DOCKER_MANIFEST)
    platform = {"architecture": "amd64", "os": "windows", "os.version": "10.0.20348.2113", "os.features": ["win32k"]}
    top = index(images, [{**image, "platform": platform}], DOCKER_LIST)
    source = ImageSource(images, {"1.0": top})
    source.absent.add(base["digest"])
    imported = importing(source)
    assert (imported.new, imported.failed) == (1, [])
    ((_, reason),) = imported.left_out
    assert base["digest"] in reason
    assert "https://layers.example/base" in reason
    assert network.head("oci/tags/team/app/1.0").content_type == DOCKER_LIST
    assert network.get(key("blobs", own)) == b"own"


def test_a_foreign_layer_that_the_source_has_is_carried(network: Network, importing: Any, images: Images) -> None:
    layer = {**images.blob(b"here", FOREIGN), "urls": ["https://layers.example/base"]}
    top = manifest(images, [layer])
    assert_clean(importing(ImageSource(images, {"1.0": top})))
    assert_carried(network, images, top)


def test_docker_schema_2_and_zstd_and_many_layers(network: Network, importing: Any, images: Images) -> None:
    docker = runnable(images, [{"a": "b"}], media_types=(DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER))
    zstd = runnable(images, [{"a": "c"}], media_types=(MANIFEST, CONFIG, f"{LAYER}+zstd"), compress=zstandard)
    many = runnable(images, [{f"{number}": "x"} for number in range(140)])
    tags = {"docker": docker, "zstd": zstd, "many": many}
    assert_clean(importing(ImageSource(images, tags), all_versions=True), new=3)
    for tag, top in tags.items():
        assert_carried(network, images, top, tag)


def by_sha512(images: Images, body: bytes, media_type: str) -> dict[str, Any]:
    """Writes a blob whose digest is a SHA-512 hash. Returns the blob's descriptor."""
    digest = hashlib.sha512(body).hexdigest()
    (images.directory / "blobs" / "sha512").mkdir(exist_ok=True)
    (images.directory / "blobs" / "sha512" / digest).write_bytes(body)
    return {"mediaType": media_type, "digest": f"sha512:{digest}", "size": len(body)}


def image_by_sha512(images: Images) -> dict[str, Any]:
    content = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": by_sha512(images, b"{}", CONFIG),
        "layers": [by_sha512(images, b"layer", f"{LAYER}+gzip"), images.blob(b"mixed", f"{LAYER}+gzip")],
    }
    return by_sha512(images, json.dumps(content).encode(), MANIFEST)


def test_an_image_with_digests_by_sha512(network: Network, importing: Any, images: Images) -> None:
    top = image_by_sha512(images)
    source = ImageSource(images, {"1.0": top})
    assert_clean(importing(source))
    assert_carried(network, images, top)
    damaged = by_sha512(images, b"damaged", f"{LAYER}+gzip")
    broken = manifest(images, [damaged])
    (images.directory / "blobs" / damaged["digest"].replace(":", "/")).write_bytes(b"changed")
    source.tags["broken"] = broken
    ((_, reason),) = importing(source, "broken").failed
    assert damaged["digest"] in reason


@on_s3_only
def test_a_digest_of_an_unsupported_algorithm_fails_by_name(importing: Any, images: Images) -> None:
    layer = {"mediaType": LAYER, "digest": f"blake3:{'a' * 64}", "size": 1}
    ((_, reason),) = importing(ImageSource(images, {"1.0": manifest(images, [layer])})).failed
    assert "blake3" in reason
    assert "sha256 or sha512" in reason


def test_null_counts_as_an_empty_list(network: Network, importing: Any, images: Images) -> None:
    nothing: dict[str, Any] = {"annotations": None, "subject": None, "artifactType": None}
    tags = {
        "layers": manifest(images, None, **nothing),
        "manifests": index(images, None, **nothing),
        "empty": manifest(images, []),
        "annotation": manifest(images, [], annotations={"empty": None}),
        "urls": manifest(images, [{**images.blob(b"x", LAYER), "urls": None, "annotations": None, "data": None}]),
    }
    assert_clean(importing(ImageSource(images, tags), all_versions=True), new=5)
    for tag, top in tags.items():
        assert_carried(network, images, top, tag)


def test_an_artifact_with_empty_configs_and_embedded_data(network: Network, importing: Any, images: Images) -> None:
    empty = {**images.blob(b"{}", EMPTY), "data": base64.b64encode(b"{}").decode()}
    content = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/example",
        "config": empty,
        "layers": [empty, images.blob(b"", "text/plain")],
    }
    top = written(images, content, MANIFEST)
    source = ImageSource(images, {"1.0": top})
    # The manifest contains the bytes of this blob in its field `data`. A registry therefore does not have to store the
    # blob.
    source.absent.add(empty["digest"])
    assert_clean(importing(source))
    assert_carried(network, images, top)


@pytest.mark.parametrize("sent", ["application/json", "text/plain; charset=utf-8", "application/octet-stream"])
@on_s3_only
def test_a_manifest_whose_registry_declares_another_media_type(
    network: Network, importing: Any, images: Images, sent: str
) -> None:
    image = runnable(images, [{"a": "b"}])
    # An image index without the field mediaType. The import must recognize it as an index.
    bare = written(images, {"schemaVersion": 2, "manifests": [image]}, INDEX)
    source = ImageSource(images, {"image": image, "index": bare})
    source.content_types = {image["digest"]: sent, bare["digest"]: sent}
    assert_clean(importing(source, all_versions=True), new=2)
    assert network.head("oci/tags/team/app/image").content_type == MANIFEST
    assert network.head("oci/tags/team/app/index").content_type == INDEX


@pytest.mark.parametrize(
    "media_type",
    ["application/vnd.oci.artifact.manifest.v1+json", "application/vnd.docker.distribution.manifest.v1+prettyjws"],
)
@on_s3_only
def test_a_manifest_that_cannot_be_carried_fails_by_name(importing: Any, images: Images, media_type: str) -> None:
    child = written(images, {"mediaType": media_type, "blobs": []}, media_type)
    top = index(images, [runnable(images, [{"a": "b"}]), child])
    ((_, reason),) = importing(ImageSource(images, {"1.0": top})).failed
    assert child["digest"] in reason
    assert media_type in reason


def test_signatures_and_sboms_by_tag_come_with_their_image(network: Network, importing: Any, images: Images) -> None:
    amd64 = runnable(images, [{"a": "b"}])
    top = index(images, [amd64])
    other = runnable(images, [{"a": "other"}])

    def attached(descriptor: Mapping[str, Any], kind: str) -> tuple[str, dict[str, Any]]:
        signature = manifest(
            images, [images.blob(f"{kind} of {descriptor['digest']}".encode(), "application/octet-stream")]
        )
        return f"{descriptor['digest'].replace(':', '-')}.{kind}", signature

    tags = dict([attached(top, "sig"), attached(top, "att"), attached(amd64, "sbom")])
    foreign = dict([attached(other, "sig")])
    source = ImageSource(images, {"1.0": top, "2.0": other, **tags, **foreign})
    assert_clean(importing(source))
    assert_carried(network, images, top)
    for tag, signature in tags.items():
        assert_carried(network, images, signature, tag)
    assert sorted(network.json("oci/taglists/team/app/list.json")["tags"]) == sorted(["1.0", *tags])


def test_referrers_that_refer_to_referrers_and_have_signatures_by_tag(
    network: Network, importing: Any, images: Images
) -> None:
    top = runnable(images, [{"a": "b"}])
    sbom = images.referrer(top, "application/spdx+json", b"sbom")
    signature = manifest(images, [images.blob(b"signed", "application/octet-stream")])
    tag = f"{sbom['digest'].replace(':', '-')}.sig"
    source = ImageSource(images, {"1.0": top, tag: signature})
    source.referrers = {top["digest"]: [sbom]}
    assert_clean(importing(source))
    (listed,) = network.json(f"{key('referrers', top)}.json")["manifests"]
    assert (listed["digest"], listed["artifactType"]) == (sbom["digest"], "application/spdx+json")
    assert_carried(network, images, signature, tag)


def test_referrers_by_tag_of_an_image_with_a_digest_by_sha512(network: Network, importing: Any, images: Images) -> None:
    top = image_by_sha512(images)
    sbom = images.referrer(top, "application/spdx+json", b"sbom")
    # The tag of a referrers list contains at most 64 hex digits of the image's digest. A SHA-512 digest has 128 hex
    # digits, so the tag has only its first half.
    tag = f"sha512-{top['digest'].removeprefix('sha512:')[:64]}"
    source = ImageSource(images, {"1.0": top, tag: index(images, [sbom])})
    assert_clean(importing(source, all_versions=True))
    (listed,) = network.json(f"{key('referrers', top)}.json")["manifests"]
    assert listed["digest"] == sbom["digest"]
    assert network.json("oci/taglists/team/app/list.json")["tags"] == ["1.0"]


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 406])
@on_s3_only
def test_each_answer_of_registries_without_the_referrers_api_leads_to_the_tag(
    network: Network, importing: Any, images: Images, status: int
) -> None:
    top = runnable(images, [{"a": "b"}])
    sbom = images.referrer(top, "application/spdx+json", b"sbom")
    source = ImageSource(images, {"1.0": top, top["digest"].replace(":", "-"): index(images, [sbom])})
    # The source registry has no referrers API. In one of the test's cases, it answers an unknown path with status 200
    # and a web page, as some proxies do.
    source.refused = {"referrers": status}
    assert_clean(importing(source))
    (listed,) = network.json(f"{key('referrers', top)}.json")["manifests"]
    assert listed["digest"] == sbom["digest"]


@on_s3_only
def test_a_registry_that_takes_the_tag_of_referrers_for_the_image_itself(importing: Any, images: Images) -> None:
    """In most registries, the tag `sha256-<hex>` names the list of referrers (such as signatures) of the manifest
    `sha256:<hex>`. Some registries, such as GitLab's, return the manifest itself for this tag
    (oras-project/oras-go#1396).

    The test imports an image index from a registry that returns the manifest itself. The registry also lacks one of
    the manifests in the index. The import must not treat the manifests in the index as referrers.
    """
    there, absent = manifest(images, []), manifest(images, [], annotations={"a": "b"})
    top = index(images, [there, absent])
    source = ImageSource(images, {"1.0": top, top["digest"].replace(":", "-"): top})
    source.absent = {absent["digest"]}
    imported = importing(source)
    assert (imported.new, imported.failed) == (1, [])
    ((_, reason),) = imported.left_out
    assert absent["digest"] in reason


@on_s3_only
def test_the_usual_tags_are_requested_from_a_registry_that_lists_no_tags(
    network: Network, importing: Any, images: Images
) -> None:
    top = runnable(images, [{"a": "b"}])
    signature = manifest(images, [images.blob(b"signed", "application/octet-stream")])
    tag = f"{top['digest'].replace(':', '-')}.sig"
    source = ImageSource(images, {"1.0": top, tag: signature})
    source.refused = {"tags": 403, "referrers": 405}
    assert_clean(importing(source))
    assert_carried(network, images, signature, tag)


@pytest.mark.parametrize("lists_tags", [True, False])
@on_s3_only
def test_a_registry_that_refuses_head_requests_is_read_by_get(
    network: Network, importing: Any, images: Images, lists_tags: bool
) -> None:
    top = runnable(images, [{"a": "b"}])
    signature = manifest(images, [images.blob(b"signed", "application/octet-stream")])
    tag = f"{top['digest'].replace(':', '-')}.sig"
    source = ImageSource(images, {"1.0": top, tag: signature})
    source.refuses_head = True
    source.refused = {} if lists_tags else {"tags": 403}
    assert_clean(importing(source))
    assert_carried(network, images, top)
    assert_carried(network, images, signature, tag)


def test_a_manifest_of_almost_4_mib_is_carried(network: Network, importing: Any, images: Images) -> None:
    large = {f"annotation-{number}": "A" * 10_000 for number in range(390)}
    top = manifest(images, [images.blob(b"x", LAYER)], annotations=large)
    assert_clean(importing(ImageSource(images, {"1.0": top})))
    assert_carried(network, images, top)


@on_s3_only
def test_a_referrer_whose_annotations_exceed_a_record_fails_by_name(importing: Any, images: Images) -> None:
    top = runnable(images, [{"a": "b"}])
    subject = {name: top[name] for name in ("mediaType", "digest", "size")}
    large = {f"annotation-{number}": "A" * 10_000 for number in range(390)}
    sbom = manifest(images, [images.blob(b"x", "text/plain")], annotations=large, subject=subject)
    source = ImageSource(images, {"1.0": top})
    source.referrers = {top["digest"]: [sbom]}
    ((_, reason),) = importing(source).failed
    assert sbom["digest"] in reason
    assert "annotations" in reason


def test_all_tags_of_a_repository_with_signatures_are_imported(
    network: Network, importing: Any, images: Images
) -> None:
    top = runnable(images, [{"a": "b"}])
    signature = manifest(images, [images.blob(b"signed", "application/octet-stream")])
    orphan = manifest(images, [images.blob(b"of an image that is gone", "application/octet-stream")])
    tags = {"1.0": top, f"{top['digest'].replace(':', '-')}.sig": signature, f"sha256-{'0' * 64}.sig": orphan}
    imported = importing(ImageSource(images, tags), all_versions=True)
    assert (imported.new + imported.known, imported.failed) == (3, [])
    for tag, each in tags.items():
        assert_carried(network, images, each, tag)
