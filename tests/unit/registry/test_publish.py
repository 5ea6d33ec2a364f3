"""Tests which objects a publish writes to the origin bucket, and the contents of these objects. Also tests the state
that an interrupted publish leaves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from local.samples import Samples, build
from registry import RegistryError
from registry import publish as publishing
from registry.catalog.artifact import Document
from registry.catalog.audit import By
from registry.catalog.facts import Facts
from registry.clock import now
from registry.ecosystems import npm, oci, pypi
from registry.origin import Origin
from registry.publish import Published
from registry.target import Target
from tests.support.packages import rewrite_manifest, tarball, wheel
from tests.support.registry import Network, missing_files, network

__all__ = ["network"]


def publish(target: Target, files: Sequence[Path], **options: Any) -> Sequence[Published]:
    report = publishing.publish(target, files, By("tester", "", "publish"), **options)
    assert report.delayed == []
    return report.published


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    return build(tmp_path / "samples")


def version(path: Path, number: str, **more: Any) -> Path:
    return tarball(path / f"{number}.tgz", {"name": "@acme/app", "version": number, **more})


def test_npm_clients_find_the_tarball_by_its_digests(network: Network, samples: Samples) -> None:
    published = publish(network.target, samples.files[:2])
    assert [(each.title, each.new) for each in published] == [
        ("npm @acme/greeting 1.0.0", True),
        ("npm @acme/web 1.0.0", True),
    ]
    for document in ("packument.json", "packument.abbreviated.json"):
        packument = network.json(f"npm/@acme/web/{document}")
        assert packument["dist-tags"] == {"latest": "1.0.0"}
        manifest = packument["versions"]["1.0.0"]
        assert manifest["dependencies"] == {"@acme/greeting": "^1.0.0"}
        url = "https://packages.artifact-edge.test/npm/@acme/web/-/web-1.0.0.tgz"
        assert manifest["dist"]["tarball"] == url
        body = network.get("npm/@acme/web/-/web-1.0.0.tgz")
        assert body == samples.files[1].read_bytes()
        assert manifest["dist"]["shasum"] == hashlib.sha1(body).hexdigest()  # noqa: S324  what npm asks for
        assert network.head(f"npm/@acme/web/{document}").metadata["next"] == "1.0.0 @acme/greeting@^1.0.0"
    assert network.head("npm/@acme/web/packument.json").cache_control.startswith("public, max-age=5,")
    assert network.head("npm/@acme/web/-/web-1.0.0.tgz").cache_control.endswith("immutable")
    assert "npm/@acme/web/packument.json" in network.purged


def test_pip_finds_the_wheel_and_its_metadata(network: Network, samples: Samples) -> None:
    publish(network.target, samples.files[2:])
    name = "acme_greeter-1.0-py3-none-any.whl"
    page = network.json("pypi/simple/acme-greeter/index.json")
    (file,) = page["files"]
    wheel, metadata = (
        network.get(f"pypi/files/acme-greeter/{name}"),
        network.get(f"pypi/files/acme-greeter/{name}.metadata"),
    )
    assert wheel == samples.files[2].read_bytes()
    assert file["url"] == f"/pypi/files/acme-greeter/{name}"
    assert file["hashes"] == {"sha256": hashlib.sha256(wheel).hexdigest()}
    assert file["core-metadata"] == {"sha256": hashlib.sha256(metadata).hexdigest()}
    assert (file["size"], file["requires-python"], page["versions"]) == (len(wheel), ">=3.8", ["1.0"])
    html = network.get("pypi/simple/acme-greeter/index.html").decode()
    assert f'href="/pypi/files/acme-greeter/{name}#sha256={file["hashes"]["sha256"]}"' in html
    assert 'data-requires-python="&gt;=3.8"' in html
    assert f'data-core-metadata="sha256={file["core-metadata"]["sha256"]}"' in html
    assert "data-dist-info-metadata" not in html
    assert network.json("pypi/simple/index.json")["projects"] == [{"name": "acme-greeter"}]
    assert '<a href="/pypi/simple/acme-greeter/">' in network.get("pypi/simple/index.html").decode()


def test_an_image_is_found_by_tag_and_by_digest(network: Network, samples: Samples) -> None:
    publish(network.target, [samples.image], repository="acme/app")
    tagged = network.head("oci/tags/acme/app/1.0")
    body = network.get("oci/tags/acme/app/1.0")
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert tagged.metadata["digest"] == digest
    assert tagged.content_type == "application/vnd.oci.image.manifest.v1+json"
    assert network.get(f"oci/manifests/acme/app/{digest.replace(':', '/')}") == body
    for part in (json.loads(body)["config"], *json.loads(body)["layers"]):
        blob = network.get(f"oci/blobs/acme/app/{part['digest'].replace(':', '/')}")
        assert f"sha256:{hashlib.sha256(blob).hexdigest()}" == part["digest"]
    assert network.json("oci/taglists/acme/app/list.json") == {"name": "acme/app", "tags": ["1.0"]}
    assert network.json(f"oci/referrers/acme/app/{digest.replace(':', '/')}.json")["manifests"] == []


def test_a_tag_moves_and_the_old_manifest_stays(network: Network, samples: Samples, tmp_path: Path) -> None:
    publish(network.target, [samples.image], repository="acme/app", tag="stable")
    first = network.head("oci/tags/acme/app/stable").metadata["digest"]
    other = build(tmp_path / "other").image
    rewrite_manifest(other, {"annotations": {"build": "2"}})
    publish(network.target, [other], repository="acme/app", tag="stable")
    second = network.head("oci/tags/acme/app/stable").metadata["digest"]
    assert first != second
    assert network.get(f"oci/manifests/acme/app/{first.replace(':', '/')}")


def test_the_referrers_of_an_image_are_listed(network: Network, samples: Samples, tmp_path: Path) -> None:
    publish(network.target, [samples.image], repository="acme/app")
    subject = network.head("oci/tags/acme/app/1.0").metadata["digest"]
    signature = build(tmp_path / "other").image
    rewrite_manifest(
        signature,
        {
            "artifactType": "application/vnd.example.signature",
            "annotations": {"signed": "yes"},
            "subject": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": subject, "size": 1},
        },
    )
    publish(network.target, [signature], repository="acme/app", tag="signature")
    (referrer,) = network.json(f"oci/referrers/acme/app/{subject.replace(':', '/')}.json")["manifests"]
    assert referrer["artifactType"] == "application/vnd.example.signature"
    assert referrer["annotations"] == {"signed": "yes"}
    assert referrer["digest"] == network.head("oci/tags/acme/app/signature").metadata["digest"]


def test_publishing_again_changes_nothing(network: Network, samples: Samples) -> None:
    publish(network.target, samples.files)
    before = {key: network.head(key).validator for key in network.objects()}
    network.purged.clear()
    assert not any(each.new for each in publish(network.target, samples.files))
    assert {key: network.head(key).validator for key in network.objects()} == before
    assert network.purged == []


def test_a_version_is_never_published_with_other_bytes(network: Network, tmp_path: Path) -> None:
    publish(network.target, [version(tmp_path, "1.0.0")])
    kept = network.get("npm/@acme/app/-/app-1.0.0.tgz")
    with pytest.raises(RegistryError, match=r"app-1\.0\.0\.tgz: exists with other bytes .*publish a new version"):
        publish(network.target, [version(tmp_path, "1.0.0", description="changed")])
    assert network.get("npm/@acme/app/-/app-1.0.0.tgz") == kept
    assert "description" not in network.json("npm/@acme/app/packument.json")["versions"]["1.0.0"]


def test_latest_is_the_highest_release_and_not_the_last_published(network: Network, tmp_path: Path) -> None:
    for number in ("1.10.0", "1.9.0", "2.0.0-beta.1"):
        publish(network.target, [version(tmp_path, number)])
    packument = network.json("npm/@acme/app/packument.json")
    assert packument["dist-tags"] == {"latest": "1.10.0"}
    assert list(packument["versions"]) == ["1.9.0", "1.10.0", "2.0.0-beta.1"]
    publish(network.target, [version(tmp_path, "2.0.0-beta.1")], tag="next")
    assert network.json("npm/@acme/app/packument.json")["dist-tags"] == {"latest": "1.10.0", "next": "2.0.0-beta.1"}


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("step", range(1, 12))
def test_the_next_publish_completes_an_interrupted_one(
    network: Network, samples: Samples, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Interrupts a publish just before one of its writes. `step` is the number of this write.

    After the interruption, no document may name a missing object. A second run must complete the publish.
    """
    left = step

    def counted(original: Any) -> Any:
        def write(*arguments: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise Interrupted
            return original(*arguments, **more)

        return write

    with monkeypatch.context() as patched:
        for owner, name in ((Origin, "create"), (Facts, "commit"), (Origin, "render")):
            patched.setattr(owner, name, counted(getattr(owner, name)))
        with pytest.raises(Interrupted):
            publish(network.target, samples.files)
    assert missing_files(network) == set()
    publish(network.target, samples.files)
    assert missing_files(network) == set()
    for document in ("npm/@acme/web/packument.json", "pypi/simple/acme-greeter/index.json", "pypi/simple/index.json"):
        assert network.json(document)


def test_two_concurrent_publishers_both_succeed(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checks that two concurrent publishers both succeed.

    The slower publisher reads the metadata before the faster publisher commits. The slower publisher writes the
    packument after that commit.
    """
    slow, fast = version(tmp_path, "1.0.0"), version(tmp_path, "1.1.0")
    read, raced = Facts.read, False

    def read_then_be_overtaken(self: Facts, partition: str) -> Any:
        nonlocal raced
        found = read(self, partition)
        if not raced:
            raced = True
            publish(network.target, [fast])
        return found

    monkeypatch.setattr(Facts, "read", read_then_be_overtaken)
    publish(network.target, [slow])
    assert set(network.json("npm/@acme/app/packument.json")["versions"]) == {"1.0.0", "1.1.0"}


def test_a_document_changed_by_another_writer_is_read_again(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests two publishers of the same document. The first publisher reads the document's stored revision. The second
    publisher then writes a later revision, and the first publisher must not replace it.
    """
    origin, look = network.target.origin, Origin._revision_of  # pyright: ignore[reportPrivateUsage]
    overtaken = False

    def look_and_be_overtaken(self: Origin, key: str) -> tuple[str, int]:
        nonlocal overtaken
        seen = look(self, key)
        if not overtaken:
            overtaken = True
            origin.render(Document(key, "text/plain", b"later"), 2, now())
        return seen

    monkeypatch.setattr(Origin, "_revision_of", look_and_be_overtaken)
    assert not origin.render(Document("document", "text/plain", b"earlier"), 1, now())
    assert network.get("document") == b"later"


@pytest.mark.parametrize("revision", [1, 2])
def test_a_document_thought_to_be_new_does_not_replace_a_later_one(network: Network, revision: int) -> None:
    origin = network.target.origin
    assert origin.render(Document("document", "text/plain", b"later"), 2, now(), new=True)
    assert not origin.render(Document("document", "text/plain", b"earlier"), revision, now(), new=True)
    assert network.get("document") == b"later"
    assert origin.render(Document("document", "text/plain", b"latest"), 3, now(), new=True)
    assert network.get("document") == b"latest"
    assert origin.render(Document("document", "text/plain", None), 4, now(), new=True)
    assert "document" not in network.objects()


def test_a_version_published_under_another_tag_does_not_become_latest(network: Network, tmp_path: Path) -> None:
    def tags() -> Any:
        return network.json("npm/@acme/app/packument.json")["dist-tags"]

    publish(network.target, [version(tmp_path, "2.0.0")], tag="next")
    assert tags() == {"latest": "2.0.0", "next": "2.0.0"}  # in npm's registry, each package has the tag `latest`
    publish(network.target, [version(tmp_path, "1.0.0")])
    assert tags() == {"latest": "1.0.0", "next": "2.0.0"}
    publish(network.target, [version(tmp_path, "2.1.0")], tag="next")
    assert tags() == {"latest": "1.0.0", "next": "2.1.0"}
    publish(network.target, [version(tmp_path, "1.1.0")])
    assert tags() == {"latest": "1.1.0", "next": "2.1.0"}
    publish(network.target, [version(tmp_path, "3.0.0")], tag="latest")
    assert tags() == {"latest": "3.0.0", "next": "2.1.0"}


def test_the_dist_tag_comes_from_publish_config_unless_the_operator_names_one(network: Network, tmp_path: Path) -> None:
    publish(network.target, [version(tmp_path, "1.0.0"), version(tmp_path, "2.0.0", publishConfig={"tag": "next"})])
    assert network.json("npm/@acme/app/packument.json")["dist-tags"] == {"latest": "1.0.0", "next": "2.0.0"}
    publish(network.target, [version(tmp_path, "3.0.0", publishConfig={"tag": "next"})], tag="latest")
    assert network.json("npm/@acme/app/packument.json")["dist-tags"] == {"latest": "3.0.0", "next": "2.0.0"}
    with pytest.raises(RegistryError, match=r"dist-tag '1\.x'"):
        publish(network.target, [version(tmp_path, "4.0.0", publishConfig={"tag": "1.x"})])


def test_an_import_takes_private_packages_and_ignores_publish_config(tmp_path: Path) -> None:
    file = version(tmp_path, "1.0.0", private=True, publishConfig={"tag": "1.x"})
    artifact = npm.read(file, imported=True)
    assert [fact.name for fact in artifact.changes[0].facts] == ["version#1.0.0", "contents#1.0.0"]


def test_a_first_publish_looks_for_none_of_its_documents(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    look = Origin._revision_of  # pyright: ignore[reportPrivateUsage]

    def recorded(self: Origin, key: str) -> tuple[str, int]:
        looked.append(key)
        return look(self, key)

    monkeypatch.setattr(Origin, "_revision_of", recorded)
    publish(network.target, [version(tmp_path, "1.0.0")])
    # The first publish of a package reads no stored revision of the packuments, because the package has no packuments
    # yet. The publish does read the stored revision of the package list for searches, because other packages may have
    # changed this list.
    assert looked == ["npm/-/search.json"]
    looked.clear()
    publish(network.target, [version(tmp_path, "1.1.0")])
    packuments = ["npm/@acme/app/packument.abbreviated.json", "npm/@acme/app/packument.json"]
    assert sorted(looked) == ["npm/-/search.json", *packuments]


def test_nothing_is_written_when_one_of_several_files_is_bad(
    network: Network, samples: Samples, tmp_path: Path
) -> None:
    bad = tarball(tmp_path / "bad.tgz", {"name": "@acme/UPPER", "version": "1.0.0"})
    with pytest.raises(RegistryError, match=r"bad\.tgz"):
        publish(network.target, [*samples.files, bad])
    assert network.objects() == set()


def test_a_cloud_that_refuses_leaves_no_document_behind(
    network: Network, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Origin, blob: Any) -> None:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")

    monkeypatch.setattr(Origin, "create", refuse)
    with pytest.raises(ClientError):
        publish(network.target, samples.files)
    assert network.objects() == set()


@pytest.mark.parametrize(
    ("package", "says"),
    [
        (b"{", "package.json is not valid JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"name": "p", "version": "1.0.0", "x": NaN}', "NaN is not a JSON value"),
        (b"\xff\xfe{", "package.json is not valid JSON"),
        ({"version": "1.0.0"}, "name None"),
        ({"name": "../evil", "version": "1.0.0"}, r"name '\.\./evil'"),
        ({"name": "@acme/ok", "version": "1.0"}, r"version '1\.0'"),
        ({"name": "@Acme/ok", "version": "1.0.0"}, "name '@Acme/ok'"),
        ({"name": "what(ever)", "version": "1.0.0"}, r"name 'what\(ever\)'"),
        ({"name": "Node_Modules", "version": "1.0.0"}, "name 'Node_Modules'"),
        ({"name": "@acme/ok", "version": "1.0.9007199254740992"}, r"version '1\.0\.9007199254740992'"),
        ({"name": "@acme/ok", "version": f"1.0.0-{'a' * 251}"}, r"version '1\.0\.0-aaa"),
        ({"name": "@acme/ok", "version": "1.0.0", "private": True}, 'package.json has "private": true'),
    ],
)
def test_a_bad_package_json_is_one_clear_line(tmp_path: Path, package: Any, says: str) -> None:
    with pytest.raises(RegistryError, match=says) as raised:
        npm.read(tarball(tmp_path / "p.tgz", package))
    assert "p.tgz" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("member", ["../package.json", "/package/package.json", "package/../../package.json"])
def test_a_tarball_that_reaches_outside_is_refused(tmp_path: Path, member: str) -> None:
    with pytest.raises(RegistryError, match="reaches outside"):
        npm.read(tarball(tmp_path / "p.tgz", {"name": "p", "version": "1.0.0"}, member=member))


def test_a_tarball_without_package_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"has no package/package\.json.*npm pack"):
        npm.read(tarball(tmp_path / "p.tgz", {}, member="package/index.js"))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("p.whl", "the name of a wheel is"),
        ("p-1.0.whl", "the name of a wheel is"),
        ("p-1.0-py3-none.whl", "the name of a wheel is"),
        ("p-not!version-py3-none-any.whl", "the version 'not!version' in its name does not follow PEP 440"),
    ],
)
def test_a_wheel_with_a_bad_name_is_refused(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(RegistryError, match=says):
        pypi.read(wheel(tmp_path / name))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"metadata": "Metadata-Version: 2.1\nName: q\nVersion: 1.0\n"},
            r"is named p 1\.0, but its metadata says q 1\.0",
        ),
        ({"metadata": "Metadata-Version: 2.1\nName: p\nVersion: 2.0\n"}, r"but its metadata says p 2\.0"),
        ({"metadata": "Name: p\n"}, "its metadata is not valid"),
        ({"leave_out": "RECORD"}, r"has no p-1\.0\.dist-info/RECORD"),
    ],
)
def test_a_wheel_that_contradicts_itself_is_refused(tmp_path: Path, changes: dict[str, str], says: str) -> None:
    with pytest.raises(RegistryError, match=says):
        pypi.read(wheel(tmp_path / "p-1.0-py3-none-any.whl", **changes))


def test_a_layout_that_is_damaged_is_refused(samples: Samples) -> None:
    index = json.loads((samples.image / "index.json").read_text())
    manifest = json.loads((samples.image / "blobs" / index["manifests"][0]["digest"].replace(":", "/")).read_text())
    layer = samples.image / "blobs" / manifest["layers"][0]["digest"].replace(":", "/")
    body = layer.read_bytes()
    layer.write_bytes(body[:-1] + b"!")
    with pytest.raises(RegistryError, match=r"has the digest sha256:.*damaged"):
        oci.read(samples.image, "acme/app")
    layer.unlink()
    with pytest.raises(RegistryError, match="is missing"):
        oci.read(samples.image, "acme/app")


@pytest.mark.parametrize("repository", ["Acme/app", "acme//app", "../app", "a" * 256, ""])
def test_a_bad_repository_is_refused(samples: Samples, repository: str) -> None:
    with pytest.raises(RegistryError, match="--repository"):
        oci.read(samples.image, repository)


@given(st.binary(max_size=2000), st.sampled_from(["p-1.0.0.tgz", "p-1.0-py3-none-any.whl", "p-1.0.tar.gz"]))
def test_invalid_input_gives_no_stack_trace(tmp_path_factory: pytest.TempPathFactory, body: bytes, name: str) -> None:
    file = tmp_path_factory.mktemp("garbage") / name
    file.write_bytes(body)
    with pytest.raises(RegistryError, match=name):
        npm.read(file) if name.endswith(".tgz") else pypi.read(file)


def inner_objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(["manifests", "digest", "size", "mediaType", "annotations"]), inner)


@given(
    st.recursive(st.none() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner) | inner_objects(inner))
)
def test_an_invalid_index_gives_no_stack_trace(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    layout = tmp_path_factory.mktemp("layout")
    (layout / "oci-layout").write_text("{}")
    (layout / "index.json").write_text(json.dumps(content))
    with pytest.raises(RegistryError):
        oci.read(layout, "acme/app", "1.0")


def test_a_file_of_an_unknown_kind_is_refused_by_name(network: Network, tmp_path: Path) -> None:
    for name in ("notes.txt", "p-1.0.rpm", "README"):
        (tmp_path / name).write_text("")
        with pytest.raises(RegistryError, match=rf"{name}: unknown kind of file; publish an npm \.tgz, a \.whl"):
            publish(network.target, [tmp_path / name])
