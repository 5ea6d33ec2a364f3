"""Tests the documents that clients read for a package. The tests change packages: they remove tags, deprecate, yank and
unpublish versions, and add provenance.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from registry import RegistryError
from registry.catalog.artifact import Document, Known, Package
from registry.ecosystems import npm
from registry.ecosystems.images import OciRepository
from registry.ecosystems.packument import NpmPackage
from registry.ecosystems.simple import PypiProject
from tests.support.packages import tarball

URL = "https://packages.test"
WRITTEN = "2026-01-01T00:00:00.000000Z"
FIRST, SECOND = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def no_object(key: str) -> bytes:
    raise AssertionError(f"{key} was read")


def rendered(package: Package, facts: Mapping[str, Any], *touched: str) -> dict[str, Document]:
    known = Known(facts, dict.fromkeys(facts, WRITTEN))
    return {document.key: document for document in package.documents(known, touched, URL, no_object)}


def packuments(facts: Mapping[str, Any]) -> list[Any]:
    """Returns the full and the abbreviated packument of the npm package `web`."""
    return [json.loads(each.body or b"") for each in rendered(NpmPackage("web"), facts).values()]


def version(number: str) -> dict[str, Any]:
    fact = {"manifest": {"version": number}, "file": f"web-{number}.tgz", "shasum": "1", "integrity": "sha512-1"}
    return {f"version#{number}": fact}


def test_a_removed_tag_is_not_listed() -> None:
    facts = {**version("1.0.0"), **version("2.0.0"), "tag#next": {"version": ""}, "tag#latest": {"version": "1.0.0"}}
    for packument in packuments(facts):
        assert packument["dist-tags"] == {"latest": "1.0.0"}


def test_both_forms_show_a_deprecation_until_it_is_withdrawn() -> None:
    facts = {**version("1.0.0"), "deprecated#1.0.0": {"message": "use 2"}}
    for packument in packuments(facts):
        assert packument["versions"]["1.0.0"]["deprecated"] == "use 2"
    for packument in packuments({**facts, "deprecated#1.0.0": {"message": ""}}):
        assert "deprecated" not in packument["versions"]["1.0.0"]


def test_an_unpublished_version_and_the_tags_on_it_are_not_listed() -> None:
    facts = {
        **version("1.0.0"),
        **version("2.0.0"),
        "tag#latest": {"version": "2.0.0"},
        "tag#next": {"version": "2.0.0"},
        "unpublished#2.0.0": {},
    }
    for packument in packuments(facts):
        assert list(packument["versions"]) == ["1.0.0"]
        assert packument["dist-tags"] == {"latest": "1.0.0"}
    for packument in packuments({**version("1.0.0"), "unpublished#1.0.0": {}}):
        assert (packument["versions"], packument["dist-tags"]) == ({}, {})


def test_the_packument_links_to_the_provenance() -> None:
    predicate = "https://slsa.dev/provenance/v1"
    facts = {**version("1.0.0"), "attestations#1.0.0": {"predicateType": predicate, "sha256": "1"}}
    for packument in packuments(facts):
        assert packument["versions"]["1.0.0"]["dist"]["attestations"] == {
            "url": f"{URL}/npm/-/npm/v1/attestations/web@1.0.0",
            "provenance": {"predicateType": predicate},
        }


def python_file(name: str) -> dict[str, Any]:
    fact = {"version": "1.0", "sha256": "1", "size": 1, "requires_python": "", "metadata_sha256": ""}
    return {f"file#{name}": fact}


@pytest.mark.parametrize(
    ("yanked", "html", "in_json"),
    [
        ({"yanked": True, "reason": "broken <again>"}, ' data-yanked="broken &lt;again&gt;">', "broken <again>"),
        ({"yanked": True, "reason": ""}, ' data-yanked="">', True),
        ({"yanked": False, "reason": ""}, "", False),
    ],
)
def test_a_yanked_file_is_marked_in_both_forms(yanked: Any, html: str, in_json: bool | str) -> None:
    facts = {**python_file("p-1.0.tar.gz"), "yanked#p-1.0.tar.gz": yanked}
    documents = rendered(PypiProject("p"), facts)
    page = (documents["pypi/simple/p/index.html"].body or b"").decode()
    assert ("data-yanked" in page) == bool(html)
    assert html in page
    (file,) = json.loads(documents["pypi/simple/p/index.json"].body or b"")["files"]
    assert file["yanked"] == in_json
    assert type(file["yanked"]) is type(in_json)


def test_an_unpublished_file_is_not_listed() -> None:
    facts: dict[str, Any] = {
        **python_file("p-1.0.tar.gz"),
        **python_file("p-1.1.tar.gz"),
        "unpublished#p-1.0.tar.gz": {},
    }
    documents = rendered(PypiProject("p"), facts)
    assert [file["filename"] for file in json.loads(documents["pypi/simple/p/index.json"].body or b"")["files"]] == [
        "p-1.1.tar.gz"
    ]
    assert "p-1.0.tar.gz" not in (documents["pypi/simple/p/index.html"].body or b"").decode()


def manifest(digest: str, subject: str = "") -> dict[str, Any]:
    fact: dict[str, Any] = {"mediaType": "m", "size": 1, "artifactType": "a", "annotations": {}, "subject": subject}
    return {f"manifest#{digest}": fact}


def test_a_removed_image_tag_is_listed_for_deletion() -> None:
    facts = {**manifest(FIRST), "tag#1.0": {"digest": ""}, "tag#1.1": {"digest": FIRST}}
    documents = rendered(OciRepository("acme/app"), facts, "tag#1.0")
    assert documents["oci/tags/acme/app/1.0"].body is None
    assert json.loads(documents["oci/taglists/acme/app/list.json"].body or b"")["tags"] == ["1.1"]


def test_tags_are_listed_in_an_order_that_ignores_case() -> None:
    tags = ["1.0", "1.10", "1.9", "A", "a", "latest", "Z"]
    facts = {**manifest(FIRST), **{f"tag#{tag}": {"digest": FIRST} for tag in sorted(tags)}}
    documents = rendered(OciRepository("acme/app"), facts, f"manifest#{FIRST}")
    assert json.loads(documents["oci/taglists/acme/app/list.json"].body or b"")["tags"] == tags


def test_an_unpublished_manifest_loses_its_tags_and_refers_to_nothing() -> None:
    facts = {**manifest(FIRST), **manifest(SECOND, FIRST), "tag#sig": {"digest": SECOND}, f"unpublished#{SECOND}": {}}
    documents = rendered(OciRepository("acme/app"), facts, f"unpublished#{SECOND}")
    assert documents["oci/tags/acme/app/sig"].body is None
    assert json.loads(documents["oci/taglists/acme/app/list.json"].body or b"")["tags"] == []
    referrers = documents[f"oci/referrers/acme/app/sha256/{'a' * 64}.json"]
    assert json.loads(referrers.body or b"")["manifests"] == []


def bundle(path: Path, **changes: Any) -> Path:
    """Returns a Sigstore bundle with an in-toto statement about `subject`.

    The bundle's signature is not valid. No test of this module verifies the signature.
    """
    statement: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": changes.pop("subject"),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
    envelope: dict[str, Any] = {
        "payload": base64.b64encode(json.dumps(statement).encode()).decode(),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": "MEUCIQ==", "keyid": ""}],
    }
    content: dict[str, Any] = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {},
        "dsseEnvelope": {**envelope, **changes},
    }
    path.write_text(json.dumps(content))
    return path


def test_provenance_is_stored_in_npms_form(tmp_path: Path) -> None:
    file = tarball(tmp_path / "web.tgz", {"name": "@acme/web", "version": "1.0.0"})
    digest = hashlib.sha512(file.read_bytes()).hexdigest()
    subject: Any = [{"name": "pkg:npm/%40acme/web@1.0.0", "digest": {"sha512": digest}}]
    given = bundle(tmp_path / "bundle", subject=subject)
    artifact = npm.read(file, provenance=given)
    (document,) = [blob for blob in artifact.blobs if blob.key == "npm/@acme/web/attestations/1.0.0.json"]
    assert isinstance(document.source, bytes)
    (attestation,) = json.loads(document.source)["attestations"]
    assert attestation == {"predicateType": "https://slsa.dev/provenance/v1", "bundle": json.loads(given.read_text())}


@pytest.mark.parametrize(
    ("subject", "changes", "says"),
    [
        ({"name": "pkg:npm/other@1.0.0"}, {}, "attests pkg:npm/other@1.0.0, not pkg:npm/%40acme/web@1.0.0"),
        ({"digest": {"sha512": "0" * 128}}, {}, "attest the tarball that you publish"),
        ({"digest": {"sha256": "0" * 64}}, {}, "attest the tarball that you publish"),
        ({}, {"payload": "!"}, "the payload is not base64"),
        ({}, {"payloadType": "text/plain"}, "holds 'text/plain'"),
        ({}, {"signatures": []}, "dsseEnvelope.signatures"),
    ],
)
def test_provenance_of_something_else_is_refused(tmp_path: Path, subject: Any, changes: Any, says: str) -> None:
    file = tarball(tmp_path / "web.tgz", {"name": "@acme/web", "version": "1.0.0"})
    right = {
        "name": "pkg:npm/%40acme/web@1.0.0",
        "digest": {"sha512": hashlib.sha512(file.read_bytes()).hexdigest()},
    }
    with pytest.raises(RegistryError, match="--provenance") as refused:
        npm.read(file, provenance=bundle(tmp_path / "bundle", subject=[{**right, **subject}], **changes))
    assert says in str(refused.value)
