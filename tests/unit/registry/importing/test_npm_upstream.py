"""Tests that an import keeps what another npm registry states about each version: time, dist-tags and deprecation.

npm clients choose a version by its time, dist-tags and deprecation.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry import RegistryError, amend
from registry import publish as publishing
from registry.catalog.audit import By
from registry.commands import imports
from registry.ecosystems.packages import with_version
from registry.ecosystems.upstream import Upstream, upstream_of
from registry.importing import Found, Refused, Wanted
from registry.importing.apis import Api
from registry.importing.images.carry import ImageRegistries
from registry.importing.journal import Journal
from registry.importing.lockfiles import package_lock
from registry.importing.npm_cache import cached_packument
from registry.importing.pipeline import Import, Imported
from tests.support.packages import tarball
from tests.support.registry import Network, network

__all__ = ["network"]

UPSTREAM = "https://up.test/npm"
TIMES = {"1.0.0": "2019-01-01T00:00:00.000Z", "2.0.0": "2020-01-01T00:00:00.000Z"}


@pytest.fixture
def registry(tmp_path: Path) -> dict[str, Any]:
    """Maps URL paths to the answers of an emulated npm registry. The tests import from this registry. Its package has
    two versions, and the newer version is deprecated.
    """
    answers: dict[str, Any] = {}
    packument: dict[str, Any] = {"versions": {}, "dist-tags": {"latest": "1.0.0", "next": "2.0.0", "gone": "0.1.0"}}
    packument["time"] = {"created": "2018-01-01T00:00:00.000Z", "modified": "2021-01-01T00:00:00.000Z", **TIMES}
    for version in TIMES:
        body = tarball(tmp_path / "p.tgz", {"name": "@acme/p", "version": version}).read_bytes()
        digest = base64.b64encode(hashlib.sha512(body).digest()).decode()
        dist = {"tarball": f"{UPSTREAM}/@acme/p/-/p-{version}.tgz", "integrity": f"sha512-{digest}"}
        packument["versions"][version] = {"dist": dist}
        answers[f"/npm/@acme/p/-/p-{version}.tgz"] = body
    packument["versions"]["2.0.0"]["deprecated"] = "broken, stay on 1"
    answers["/npm/@acme%2Fp"] = packument
    return answers


def api(answers: dict[str, Any]) -> Api:
    def answer(request: httpx.Request) -> httpx.Response:
        found = answers.get(request.url.raw_path.decode())
        if found is None:
            return httpx.Response(404)
        if isinstance(found, bytes):
            return httpx.Response(200, content=found)
        abbreviated = request.headers["accept"] != "application/json"
        return httpx.Response(200, json={**found, "time": {}} if abbreviated else found)

    return Api(httpx.MockTransport(answer))


def run(network: Network, directory: Path, there: Api, wanted: Iterable[Found]) -> Imported:
    journal = Journal(directory / "journal")
    try:
        by = By("importer", "", "import")
        registries = ImageRegistries(httpx.MockTransport(lambda _: httpx.Response(404)))
        return Import(network.target, by, journal, there, registries, workers=2, report=lambda _: None).run(wanted)
    finally:
        journal.close()


def lockfile(directory: Path, answers: dict[str, Any]) -> Path:
    versions: dict[str, Any] = answers["/npm/@acme%2Fp"]["versions"]
    entries = {
        f"node_modules/{number}/node_modules/@acme/p": {
            "version": number,
            "resolved": each["dist"]["tarball"],
            "integrity": each["dist"]["integrity"],
        }
        for number, each in versions.items()
    }
    (directory / "package-lock.json").write_text(json.dumps({"lockfileVersion": 3, "packages": entries}))
    return directory / "package-lock.json"


@pytest.mark.parametrize("source", ["name", "lockfile"])
def test_times_tags_and_deprecations_come_from_the_other_registry(
    network: Network, tmp_path: Path, registry: dict[str, Any], source: str
) -> None:
    there = api(registry)
    if source == "name":
        imported = run(network, tmp_path, there, there.npm(UPSTREAM, "@acme/p", "", all_versions=True))
    else:
        imported = run(network, tmp_path, there, package_lock(lockfile(tmp_path, registry), UPSTREAM))
    assert (imported.new, imported.failed, imported.left_out) == (2, [], [])
    full = network.json("npm/@acme/p/packument.json")
    assert {version: full["time"][version] for version in TIMES} == TIMES
    assert full["time"]["created"] == TIMES["1.0.0"]
    assert full["time"]["modified"] > TIMES["2.0.0"]
    for packument in (full, network.json("npm/@acme/p/packument.abbreviated.json")):
        # The import leaves out the dist-tag `gone`, because the tag names a version that does not exist.
        assert packument["dist-tags"] == {"latest": "1.0.0", "next": "2.0.0"}
        assert packument["versions"]["2.0.0"]["deprecated"] == "broken, stay on 1"
        assert "deprecated" not in packument["versions"]["1.0.0"]


def test_a_later_import_applies_changes_of_the_other_registry(
    network: Network, tmp_path: Path, registry: dict[str, Any]
) -> None:
    there = api(registry)
    run(network, tmp_path, there, there.npm(UPSTREAM, "@acme/p", "", all_versions=True))
    registry["/npm/@acme%2Fp"]["dist-tags"] = {"latest": "2.0.0"}
    registry["/npm/@acme%2Fp"]["versions"]["2.0.0"].pop("deprecated")
    run(network, tmp_path, there, there.npm(UPSTREAM, "@acme/p", "", all_versions=True))
    packument = network.json("npm/@acme/p/packument.json")
    assert packument["dist-tags"] == {"latest": "2.0.0"}
    assert "deprecated" not in packument["versions"]["2.0.0"]


def test_an_import_keeps_values_that_were_set_here(network: Network, tmp_path: Path, registry: dict[str, Any]) -> None:
    there, by = api(registry), By("operator", "", "change")
    run(network, tmp_path, there, there.npm(UPSTREAM, "@acme/p", "", all_versions=True))
    first, second = (with_version(f"npm:@acme/p@{version}") for version in TIMES)
    changes = [
        amend.tagged(network.target, second, "latest"),
        amend.deprecated(network.target, first, "old"),
        amend.deprecated(network.target, second, ""),
    ]
    publishing.apply(network.target, changes, by)
    publishing.apply(network.target, [amend.untagged(network.target, first, "next")], by)
    (tmp_path / "journal").unlink()
    run(network, tmp_path, there, there.npm(UPSTREAM, "@acme/p", "", all_versions=True))
    packument = network.json("npm/@acme/p/packument.json")
    assert packument["dist-tags"] == {"latest": "2.0.0"}
    assert packument["versions"]["1.0.0"]["deprecated"] == "old"
    assert "deprecated" not in packument["versions"]["2.0.0"]
    shown = amend.shown(amend.known_of(network.target, first))
    assert shown == ["1.0.0  deprecated: old", "2.0.0", "tag latest: 2.0.0"]


def test_an_imported_version_is_latest_until_the_real_latest_is_imported(
    network: Network, tmp_path: Path, registry: dict[str, Any]
) -> None:
    there = api(registry)
    run(network, tmp_path, there, there.npm(UPSTREAM, "@acme/p", "2.0.0"))
    assert network.json("npm/@acme/p/packument.json")["dist-tags"] == {"latest": "2.0.0", "next": "2.0.0"}
    run(network, tmp_path, there, there.npm(UPSTREAM, "@acme/p", "1.0.0"))
    assert network.json("npm/@acme/p/packument.json")["dist-tags"] == {"latest": "1.0.0", "next": "2.0.0"}


def test_left_out_versions_are_named_with_the_reason_and_counted(
    network: Network, tmp_path: Path, registry: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lock = lockfile(tmp_path, registry)
    registry["/npm/@acme%2Fp"]["versions"]["2.0.0"]["dist"]["attestations"] = {"url": "https://up.test/x"}
    there = api(registry)
    imported = run(network, tmp_path, there, there.npm(UPSTREAM, "@acme/p", "2.0.0"))
    assert [title for title, _ in imported.left_out] == ["@acme/p@2.0.0"]
    assert "provenance" in imported.left_out[0][1]
    imports._print_result(imported)  # pyright: ignore[reportPrivateUsage]
    told = capsys.readouterr()
    assert told.out == "imported 1; there already 0; left out 1 (1 provenance); failed 0\n"
    assert told.err.startswith("left out: @acme/p@2.0.0: its provenance: ")
    del registry["/npm/@acme%2Fp"]
    without = run(network, tmp_path, api(registry), list(package_lock(lock, UPSTREAM)))
    assert (without.new, without.known, without.failed) == (1, 1, [])
    assert {title for title, _ in without.left_out} == {"@acme/p@1.0.0", "@acme/p@2.0.0"}
    assert all(
        reason.startswith("its time, dist-tags and deprecation: https://up.test/") for _, reason in without.left_out
    )


def test_a_version_that_cannot_be_checked_does_not_stop_the_others(registry: dict[str, Any]) -> None:
    versions = registry["/npm/@acme%2Fp"]["versions"]
    versions["0.1.0"] = {"deprecated": "lost"}
    versions["0.2.0"] = {"dist": {"tarball": f"{UPSTREAM}/x.tgz", "integrity": "md5-AA=="}}
    versions["0.3.0"] = {"dist": {"shasum": "a" * 40}}
    found = list(api(registry).npm(UPSTREAM, "@acme/p", "", all_versions=True))
    refused = {each.title: each.reason for each in found if isinstance(each, Refused)}
    assert refused.keys() == {"@acme/p@0.1.0", "@acme/p@0.2.0", "@acme/p@0.3.0"}
    assert "no tarball" in refused["@acme/p@0.3.0"]
    assert [each.spec for each in found if isinstance(each, Wanted)] == ["@acme/p@1.0.0", "@acme/p@2.0.0"]


@pytest.mark.parametrize(
    "packument", [None, [], {"time": [], "versions": None, "dist-tags": 1}, {"versions": {"1.0.0": None}}]
)
def test_a_registry_may_omit_times_tags_and_deprecations(packument: Any) -> None:
    assert upstream_of(packument, "1.0.0") == Upstream()


@pytest.mark.parametrize(
    ("stated", "time"),
    [
        ("2019-01-01T00:00:00.000Z", "2019-01-01T00:00:00.000Z"),
        ("2019-01-01T00:00:00Z", "2019-01-01T00:00:00Z"),
        ("2019-01-01T00:00:00.5+02:00", "2018-12-31T22:00:00.500000Z"),
        ("2019-01-01T00:00:00.000+0000", "2019-01-01T00:00:00.000000Z"),
    ],
)
def test_times_with_another_offset_are_converted_to_utc(stated: str, time: str) -> None:
    assert upstream_of({"time": {"1.0.0": stated}}, "1.0.0") == Upstream(time=time)


@pytest.mark.parametrize("stated", ["2019-01-01", "yesterday", 5, "2019-01-01T00:00:00", "0001-01-01T00:00:00+02:00"])
def test_a_time_that_cannot_be_read_is_left_out_by_name(stated: Any) -> None:
    upstream = upstream_of({"time": {"1.0.0": stated}}, "1.0.0")
    assert upstream.time == ""
    (reason,) = upstream.left_out
    assert reason.startswith("its time: ")
    assert repr(stated) in reason


def test_a_version_is_published_under_the_name_and_number_of_its_registry(
    network: Network, tmp_path: Path, registry: dict[str, Any]
) -> None:
    """Imports a version whose name and number in package.json differ from those in the source registry's packument. The
    import must keep the packument's name and number, because npm clients use these to install the version.
    """
    body = tarball(tmp_path / "odd.tgz", {"name": "P", "version": "9.9.9-dev", "dependencies": {"a": "1"}}).read_bytes()
    digest = base64.b64encode(hashlib.sha512(body).digest()).decode()
    dist = {"tarball": f"{UPSTREAM}/@acme/p/-/p-3.0.0.tgz", "integrity": f"sha512-{digest}"}
    registry["/npm/@acme%2Fp"]["versions"]["3.0.0"] = {"dist": dist}
    registry["/npm/@acme/p/-/p-3.0.0.tgz"] = body
    there = api(registry)
    imported = run(network, tmp_path, there, there.npm(UPSTREAM, "@acme/p", "3.0.0"))
    assert (imported.new, imported.failed) == (1, [])
    manifest = network.json("npm/@acme/p/packument.json")["versions"]["3.0.0"]
    assert (manifest["name"], manifest["version"], manifest["_id"]) == ("@acme/p", "3.0.0", "@acme/p@3.0.0")
    assert manifest["dependencies"] == {"a": "1"}
    assert network.get("npm/@acme/p/-/p-3.0.0.tgz") == body
    assert not any(key.startswith("npm/P/") for key in network.objects())


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        "x",
        {"dist": None},
        {"dist": []},
        {"dist": {"tarball": 5, "shasum": "a" * 40}},
        {"dist": {"integrity": 5}},
    ],
)
def test_a_malformed_version_is_refused_by_name(registry: dict[str, Any], broken: Any) -> None:
    registry["/npm/@acme%2Fp"]["versions"]["0.1.0"] = broken
    found = list(api(registry).npm(UPSTREAM, "@acme/p", "", all_versions=True))
    assert [each.title for each in found if isinstance(each, Refused)] == ["@acme/p@0.1.0"]
    assert [each.spec for each in found if isinstance(each, Wanted)] == ["@acme/p@1.0.0", "@acme/p@2.0.0"]


@pytest.mark.parametrize("packument", [[], {"versions": []}, {"versions": {}, "dist-tags": 1}])
def test_a_malformed_packument_is_one_clear_line(packument: Any) -> None:
    there = Api(httpx.MockTransport(lambda _: httpx.Response(200, json=packument)))
    with pytest.raises(RegistryError, match=r"has no version .* of p"):
        list(there.npm(UPSTREAM, "p", ""))


@pytest.mark.parametrize(
    "entry", [None, 5, {"resolved": True}, {"resolved": UPSTREAM, "integrity": 5}, {"version": 1, "name": []}]
)
def test_a_malformed_entry_of_a_lockfile_is_refused_by_name(
    tmp_path: Path, registry: dict[str, Any], entry: Any
) -> None:
    lock = lockfile(tmp_path, registry)
    packages = json.loads(lock.read_text())["packages"]
    lock.write_text(json.dumps({"lockfileVersion": 3, "packages": {"node_modules/q": entry, **packages}}))
    found = list(package_lock(lock))
    assert [each.title.partition("@")[0] for each in found if isinstance(each, Refused)] == ["q"]
    assert len([each for each in found if isinstance(each, Wanted)]) == 2


def test_a_damaged_cache_of_npm_has_no_packument(tmp_path: Path) -> None:
    key = "make-fetch-happen:request-cache:https://up.test/npm/@acme%2fp"
    digest = hashlib.sha256(key.encode()).hexdigest()
    index = tmp_path / "_cacache/index-v5" / digest[:2] / digest[2:4] / digest[4:]
    index.parent.mkdir(parents=True)
    absent = json.dumps({"key": key, "integrity": "sha512-AA=="})
    for text in (
        "",
        "\n",
        "x\tnot JSON",
        "x\t[]",
        'x\t{"key": "other"}',
        f"x\t{absent}",
        "x\t" + absent.replace('"sha512-AA=="', "null"),
    ):
        index.write_text(text)
        assert cached_packument(tmp_path, "https://up.test/npm/", "@acme/p") is None
