"""Tests bulk imports: which packages are imported or refused, and how an interrupted import continues."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from local.samples import build
from registry import RegistryError
from registry.catalog.audit import By
from registry.catalog.facts import Facts
from registry.cloudflare.cache_purge import CloudflareEdge
from registry.commands import imports
from registry.importing import Found, Refused, Wanted, pipeline
from registry.importing.apis import Api
from registry.importing.directory import wanted_in
from registry.importing.images.carry import ImageRegistries
from registry.importing.journal import Journal
from registry.importing.lockfiles import package_lock
from registry.importing.pipeline import Import, Imported
from registry.importing.sources import Sources, or_refused
from tests.support.packages import tarball, wheel
from tests.support.registry import Network, commands_use, missing_files, network, on_s3_only

__all__ = ["network"]


def offline(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"{request.url} was asked for")


def api(answer: Callable[[httpx.Request], httpx.Response] = offline) -> Api:
    return Api(httpx.MockTransport(answer))


def run(
    network: Network,
    journal: Path,
    wanted: Iterable[Found],
    answer: Callable[[httpx.Request], httpx.Response] = offline,
    report: Callable[[Imported], None] = lambda _: None,
) -> Imported:
    kept = Journal(journal)
    try:
        by = By("importer", "", "import")
        registries = ImageRegistries(httpx.MockTransport(answer))
        return Import(network.target, by, kept, api(answer), registries, workers=2, report=report).run(wanted)
    finally:
        kept.close()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Returns a directory tree with packages of all kinds. It also contains one file that is not a package."""
    tree = tmp_path / "tree"
    (tree / "npm").mkdir(parents=True)
    for number in range(28):
        tarball(tree / "npm" / f"p{number}.tgz", {"name": f"p{number}", "version": "1.0.0"})
    (tree / "python").mkdir()
    wheel(tree / "python" / "p-1.0-py3-none-any.whl")
    (tree / "npm" / "broken.tgz").write_bytes(b"broken")
    shutil.move(build(tmp_path / "samples").image, tree / "acme" / "app")
    return tree


def test_a_tree_is_imported_except_for_broken_files(network: Network, tree: Path, tmp_path: Path) -> None:
    imported = run(network, tmp_path / "journal", wanted_in(tree))
    assert (imported.new, imported.known, imported.delayed) == (30, 0, [])
    ((title, reason),) = imported.failed
    assert title.endswith("broken.tgz")
    assert "is not an npm tarball" in reason
    for number in range(28):
        assert list(network.json(f"npm/p{number}/packument.json")["versions"]) == ["1.0.0"]
    assert network.json("pypi/simple/index.json")["projects"] == [{"name": "p"}]
    assert network.json("oci/taglists/acme/app/list.json")["tags"] == ["1.0"]
    assert missing_files(network) == set()
    assert "npm/p27/packument.json" in network.purged


@on_s3_only
def test_a_dangling_link_and_a_name_in_another_encoding_stop_no_import(network: Network, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "dangling.tgz").symlink_to(tmp_path / "missing.tgz")
    tarball(tree / os.fsdecode(b"\xe9.tgz"), {"name": "cafe", "version": "1.0.0"})
    imported = run(network, tmp_path / "journal", wanted_in(tree))
    assert (imported.new, imported.failed) == (
        1,
        [(str(tree / "dangling.tgz"), "cannot be read: No such file or directory")],
    )
    assert run(network, tmp_path / "journal", wanted_in(tree)).skipped == 1


@on_s3_only
def test_a_tarball_may_have_any_address(network: Network, tmp_path: Path) -> None:
    files = {f"/{name}": tarball(tmp_path / name, {"name": name, "version": "1.0.0"}).read_bytes() for name in "ab"}
    digests = {path: f"sha512:{hashlib.sha512(body).hexdigest()}" for path, body in files.items()}
    addresses = {"/a": f"https://up.test/a?signature={'x' * 300}", "/b": "https://up.test/b/"}
    wanted = [
        Wanted("npm", addresses[path], addresses[path].rsplit("/", 1)[-1], digest, spec=f"{path[1:]}@1.0.0")
        for path, digest in digests.items()
    ]
    imported = run(
        network, tmp_path / "journal", wanted, lambda request: httpx.Response(200, content=files[request.url.path[:2]])
    )
    assert (imported.new, imported.failed) == (2, [])


def test_importing_again_skips_by_the_journal_and_without_it_changes_nothing(
    network: Network, tree: Path, tmp_path: Path
) -> None:
    run(network, tmp_path / "journal", wanted_in(tree))
    before = {key: network.head(key).validator for key in network.objects()}
    again = run(network, tmp_path / "journal", wanted_in(tree))
    assert (again.new, again.skipped, len(again.failed)) == (0, 30, 1)
    without = run(network, tmp_path / "other", wanted_in(tree))
    assert (without.new, without.known, len(without.failed)) == (0, 30, 1)
    assert {key: network.head(key).validator for key in network.objects()} == before


def test_an_interrupted_import_continues_and_delivers_committed_changes(
    network: Network, tree: Path, tmp_path: Path
) -> None:
    def end(imported: Imported) -> None:
        if imported.new:
            raise KeyboardInterrupt

    journal = tmp_path / "journal"
    with pytest.raises(KeyboardInterrupt):
        run(network, journal, wanted_in(tree), report=end)
    # The interrupted import committed releases to the database, but did not write any packument.
    assert not [key for key in network.objects() if key.endswith("packument.json")]
    with journal.open("a") as cut_short:
        cut_short.write("012")
    imported = run(network, journal, wanted_in(tree))
    assert (imported.new + imported.skipped, imported.skipped >= 25) == (30, True)
    assert len([key for key in network.objects() if key.endswith("packument.json")]) == 28
    assert missing_files(network) == set()


def test_an_import_that_a_cloud_ends_early_names_its_failures_and_continues_later(
    network: Network, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commits, commit = list[int](), Facts.commit

    def refused(facts: Facts, artifacts: Any, by: By) -> Any:
        commits.append(len(artifacts))
        if len(commits) == 2:
            raise ClientError({"Error": {"Code": "ExpiredToken"}}, "TransactWriteItems")
        return commit(facts, artifacts, by)

    commands_use(monkeypatch, network.target)
    journal = tmp_path / "journal"
    with monkeypatch.context() as patched:
        patched.setattr(Facts, "commit", refused)
        with pytest.raises(ClientError):
            imports.import_packages(tmp_path, [str(tree)], journal=journal, principal="ada")
    told = capsys.readouterr()
    assert told.out == "imported 25; there already 0; failed 1\n"
    assert "broken.tgz" in told.err
    assert "ended early" in told.err
    with pytest.raises(SystemExit):
        imports.import_packages(tmp_path, [str(tree)], journal=journal, principal="ada")
    assert capsys.readouterr().out == "imported 5; there already 25, 25 by the journal; failed 1\n"


def test_the_list_of_all_projects_is_rendered_a_few_times_however_many_are_imported(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "wheels"
    directory.mkdir()
    for number in range(60):
        metadata = f"Metadata-Version: 2.1\nName: p{number}\nVersion: 1.0\n"
        wheel(directory / f"p{number}-1.0-py3-none-any.whl", metadata=metadata, project=f"p{number}")
    purged, purge = list[str](), CloudflareEdge.purge

    def noted(edge: CloudflareEdge, keys: Any) -> None:
        purged.extend(keys)
        purge(edge, keys)

    monkeypatch.setattr(CloudflareEdge, "purge", noted)
    monkeypatch.setattr(pipeline, "_DELIVERED_AFTER", 50)
    assert run(network, tmp_path / "journal", wanted_in(directory)).new == 60
    assert len(network.json("pypi/simple/index.json")["projects"]) == 60
    assert purged.count("pypi/simple/index.json") == 2


def source(
    files: dict[str, bytes | dict[str, Any]], *, flaky: bool = False
) -> Callable[[httpx.Request], httpx.Response]:
    """Returns an HTTP handler that serves files. The keys of `files` are the URL paths.

    If `flaky` is true, the first request for each file fails with status 503.
    """
    failed = set[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path not in files:
            return httpx.Response(404)
        if flaky and path not in failed:
            failed.add(path)
            return httpx.Response(503)
        body = files[path]
        return httpx.Response(200, content=body) if isinstance(body, bytes) else httpx.Response(200, json=body)

    return answer


def integrity(body: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(body).digest()).decode()}"


@pytest.fixture
def upstream(tmp_path: Path) -> dict[str, bytes | dict[str, Any]]:
    """Provides the files of an npm registry and a Python index, as sources of imports. Each has one package with two
    versions.
    """
    made: dict[str, bytes | dict[str, Any]] = {}
    versions: dict[str, Any] = {}
    files: list[dict[str, Any]] = []
    for number in ("1.0.0", "2.0.0"):
        body = tarball(tmp_path / "npm.tgz", {"name": "@acme/web", "version": number}).read_bytes()
        made[f"/npm/@acme/web/-/web-{number}.tgz"] = body
        dist = {"tarball": f"https://up.test/npm/@acme/web/-/web-{number}.tgz", "integrity": integrity(body)}
        versions[number] = {"dist": dist}
        name = f"p-{number[:3]}-py3-none-any.whl"
        metadata = f"Metadata-Version: 2.1\nName: p\nVersion: {number[:3]}\n"
        body = wheel(tmp_path / name, metadata=metadata, version=number[:3]).read_bytes()
        made[f"/files/{name}"] = body
        files.append(
            {"filename": name, "url": f"../../files/{name}", "hashes": {"sha256": hashlib.sha256(body).hexdigest()}}
        )
    files[1]["yanked"] = "broken"
    made["/npm/@acme%2Fweb"] = made["/npm/@acme/web"] = {"versions": versions, "dist-tags": {"latest": "2.0.0"}}
    made["/simple/p/"] = {"files": [*files, {"filename": "p-1.0.win32.exe", "url": "x", "hashes": {}}]}
    return made


def test_packages_are_imported_from_registries_that_fail_at_times(
    network: Network, tmp_path: Path, upstream: dict[str, Any]
) -> None:
    answer = source(upstream, flaky=True)
    wanted = [
        *api(answer).npm("https://up.test/npm/", "@acme/web", "", all_versions=True),
        *api(answer).pypi(["https://up.test/simple"], "P", ""),
    ]
    imported = run(network, tmp_path / "journal", wanted, answer)
    assert (imported.new, imported.failed) == (3, [])
    assert list(network.json("npm/@acme/web/packument.json")["versions"]) == ["1.0.0", "2.0.0"]
    (file,) = network.json("pypi/simple/p/index.json")["files"]
    assert file["filename"] == "p-1.0-py3-none-any.whl"  # Version 2.0 is yanked. The import chooses 1.0.


def test_files_at_the_host_of_an_https_registry_are_fetched_over_https(
    network: Network, tmp_path: Path, upstream: dict[str, Any]
) -> None:
    for manifest in upstream["/npm/@acme/web"]["versions"].values():
        manifest["dist"]["tarball"] = manifest["dist"]["tarball"].replace("https:", "http:")
    for file in upstream["/simple/p/"]["files"]:
        file["url"] = file["url"].replace("../../", "http://up.test/")
    asked: list[tuple[str, str]] = []
    serve = source(upstream)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((str(request.url.copy_with(path="/")), request.headers.get("authorization", "")[:5]))
        return serve(request)

    client = api(answer)
    wanted = [
        *client.npm("https://ada:secret@up.test/npm/", "@acme/web", "", all_versions=True),
        *client.pypi(["https://ada:secret@up.test/simple"], "P", ""),
    ]
    by, kept = By("importer", "", "import"), Journal(tmp_path / "journal")
    registries = ImageRegistries(httpx.MockTransport(answer))
    imported = Import(network.target, by, kept, client, registries, workers=2, report=lambda _: None).run(wanted)
    kept.close()
    assert (imported.new, imported.failed) == (3, [])
    assert set(asked) == {("https://up.test/", "Basic")}


def test_an_index_that_refuses_a_project_fails_it_by_name_although_another_index_has_it(
    upstream: dict[str, Any],
) -> None:
    """Imports a project from two Python indexes. The first index has the project. The second index refuses the request
    for the project. The import must fail, and must not use the files of the first index.
    """
    serve = source(upstream)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403) if request.url.host == "private.test" else serve(request)

    with pytest.raises(RegistryError, match=r"https://private\.test/simple/p/: cannot be fetched: 403"):
        list(api(answer).pypi(["https://up.test/simple", "https://private.test/simple"], "P", ""))


def test_the_page_of_a_project_may_be_at_another_index(
    network: Network, tmp_path: Path, upstream: dict[str, Any]
) -> None:
    """Imports from a Python index that redirects a project's page to a second index. The URLs on the page are relative
    to the second index. The import must not send the credentials of the first index to the second.
    """
    serve, authorized = source(upstream), set[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        if "authorization" in request.headers:
            authorized.add(request.url.host)
        if request.url.host == "group.test":
            return httpx.Response(302, headers={"location": f"https://up.test/simple/{request.url.path[-2:]}"})
        return serve(request)

    (file,) = api(answer).pypi(["https://ada:secret@group.test/group/simple"], "P", "")
    assert isinstance(file, Wanted)
    assert file.location == "https://up.test/files/p-1.0-py3-none-any.whl"
    assert authorized == {"group.test"}


def test_a_file_with_another_digest_is_not_imported(network: Network, tmp_path: Path, upstream: dict[str, Any]) -> None:
    wanted = list(api(source(upstream)).npm("https://up.test/npm", "@acme/web", "", all_versions=True))
    upstream["/npm/@acme/web/-/web-2.0.0.tgz"] = tarball(
        tmp_path / "evil.tgz", {"name": "@acme/web", "version": "2.0.0", "evil": True}
    ).read_bytes()
    imported = run(network, tmp_path / "journal", wanted, source(upstream))
    ((title, reason),) = imported.failed
    assert title.endswith("web-2.0.0.tgz")
    assert "but the source says" in reason
    assert list(network.json("npm/@acme/web/packument.json")["versions"]) == ["1.0.0"]
    assert "npm/@acme/web/-/web-2.0.0.tgz" not in network.objects()


def test_a_missing_package_is_reported_in_one_line(upstream: dict[str, Any]) -> None:
    there = api(source(upstream))
    for attempt, says in [
        (lambda: list(there.npm("https://up.test/npm", "nothing", "")), "npm/nothing: cannot be fetched: 404"),
        (lambda: list(there.npm("https://up.test/npm", "@acme/web", "9.0.0")), r"has no version '9\.0\.0'"),
        (lambda: list(there.pypi(["https://up.test/simple"], "p", "9")), "has no version 9 of p"),
        (lambda: list(there.pypi(["https://up.test/simple"], "p", "x")), "'x' is not a version"),
    ]:
        with pytest.raises(RegistryError, match=says):
            attempt()


def test_a_package_without_anything_to_import_is_left_out_by_name_and_counted(network: Network, tmp_path: Path) -> None:
    """The package `gone` has a packument without versions. npm's registry serves such a packument if all versions of a
    package were unpublished.
    """
    answer = source(
        {
            "/npm/gone": {"name": "gone", "time": {"unpublished": {"time": "2020-01-01T00:00:00.000Z"}}},
            "/simple/empty/": {"meta": {"api-version": "1.1"}, "name": "empty", "files": []},
            "/v2/acme/app/tags/list": {"name": "acme/app", "tags": None},
        }
    )
    registries = ImageRegistries(httpx.MockTransport(answer))
    places = ("https://up.test/npm", "https://up.test/simple", True)
    sources = Sources(api(answer), registries, tmp_path, *places)
    named = ["npm:gone", "pypi:empty", "oci:up.test/acme/app"]
    imported = run(network, tmp_path / "journal", [each for name in named for each in sources.of(name)], answer)
    assert (imported.new, imported.failed) == (0, [])
    assert [title for title, _ in imported.left_out] == ["npm:gone", "pypi:empty", "https://up.test/acme/app"]
    assert set(imported.kinds) == {"package without versions", "project without files", "repository without tags"}
    with pytest.raises(RegistryError, match="has no version 'tagged latest' of gone"):
        list(api(answer).npm("https://up.test/npm", "gone", ""))


def test_a_package_lock_names_tarballs_and_their_digests(tmp_path: Path) -> None:
    file = tmp_path / "package-lock.json"
    body = integrity(b"x")
    entries = {
        "": {"name": "root"},
        "node_modules/a": {"version": "1.0.0", "resolved": "https://up.test/a/-/a-1.0.0.tgz", "integrity": body},
        "node_modules/b/node_modules/a": {
            "version": "1.0.0",
            "resolved": "https://up.test/a/-/a-1.0.0.tgz",
            "integrity": body,
        },
        "node_modules/@x/f": {"version": "3.0.0", "integrity": body},
        "node_modules/c": {"link": True, "resolved": "../c"},
        "node_modules/d": {"inBundle": True},
        "node_modules/e": {
            "name": "@x/e",
            "version": "2.0.0",
            "resolved": "https://up.test/e.tgz",
            "integrity": f"sha1-AA== {body}",
        },
    }
    file.write_text(json.dumps({"lockfileVersion": 3, "packages": entries}))
    found = list(package_lock(file, "https://up.test/npm"))
    found = [each for each in found if isinstance(each, Wanted)]
    assert [each.spec for each in found] == ["a@1.0.0", "@x/f@3.0.0", "@x/e@2.0.0"]
    assert found[1].location == "https://up.test/npm/@x/f/-/f-3.0.0.tgz"
    assert {each.digest for each in found} == {f"sha512:{hashlib.sha512(b'x').hexdigest()}"}
    file.write_text(json.dumps({"lockfileVersion": 1}))
    with pytest.raises(RegistryError, match="lists no packages"):
        list(package_lock(file, "https://up.test/npm"))


def test_no_message_about_an_entry_of_a_package_lock_shows_a_password(tmp_path: Path) -> None:
    file = tmp_path / "package-lock.json"
    entries = {
        "node_modules/a": {
            "version": "1.0.0",
            "resolved": "https://me:p@ssw0rd@up.test/a/-/a-1.0.0.tgz",
            "integrity": integrity(b"x"),
        },
        "node_modules/d": {"version": "1.0.0", "resolved": "git+https://ssw0rd@up.test/d.git#abc"},
    }
    file.write_text(json.dumps({"lockfileVersion": 3, "packages": entries}))
    found = list(package_lock(file, "https://up.test/npm"))
    assert [each.title for each in found] == ["https://up.test/a/-/a-1.0.0.tgz", "d@1.0.0"]
    assert "ssw0rd" not in str(found)
    assert "is resolved to 'git+https://up.test/d.git#abc'" in str(found)


def test_a_package_lock_of_npm_6_is_read_like_later_ones(tmp_path: Path) -> None:
    """Reads a lockfile with `lockfileVersion` 1. npm 5 and 6 write such lockfiles, and newer versions of npm can still
    install them.
    """
    file = tmp_path / "package-lock.json"
    body = integrity(b"x")
    nested = {"version": "2.0.0", "resolved": "https://up.test/@x/f/-/f-2.0.0.tgz", "integrity": body}
    above = {"version": "1.0.0", "resolved": "https://up.test/a.tgz", "integrity": body}
    entries = {
        "a": {**above, "dependencies": {"@x/f": nested}},
        "b": {"version": "npm:@x/e@3.0.0", "resolved": "https://up.test/e.tgz", "integrity": body, "dev": True},
        "c": {"version": "4.0.0", "bundled": True},
        "d": {"version": "git+https://up.test/d.git#abc", "from": "git+https://up.test/d.git"},
        "g": {"version": "https://other.test/g.tgz", "integrity": body},
    }
    file.write_text(json.dumps({"lockfileVersion": 1, "dependencies": entries}))
    found = list(package_lock(file))
    wanted = [each for each in found if isinstance(each, Wanted)]
    assert [each.spec for each in wanted] == ["a@1.0.0", "@x/f@2.0.0", "@x/e@3.0.0", "g@"]
    assert wanted[-1].location == "https://other.test/g.tgz"
    (refused,) = [each for each in found if isinstance(each, Refused)]
    assert "is resolved to 'git+https://up.test/d.git#abc'" in refused.reason


def test_urls_of_the_public_npm_registry_in_a_package_lock_mean_the_registry_to_import_from(tmp_path: Path) -> None:
    """npm replaces the host registry.npmjs.org in a lockfile with the registry in npm's configuration (npm docs,
    `replace-registry-host`). As a result, the lockfile also works on a machine that can reach only a mirror.
    """
    file = tmp_path / "package-lock.json"
    npmjs = "https://registry.npmjs.org/@x/a/-/a-1.0.0.tgz"
    public = {"version": "1.0.0", "resolved": npmjs, "integrity": integrity(b"")}
    other = {"version": "1.0.0", "resolved": "https://other.test/b/-/b-1.0.0.tgz", "integrity": integrity(b"")}
    file.write_text(json.dumps({"packages": {"node_modules/@x/a": public, "node_modules/b": other}}))
    mirrored = [each.location for each in package_lock(file, "https://up.test/npm/") if isinstance(each, Wanted)]
    assert mirrored == ["https://up.test/npm/@x/a/-/a-1.0.0.tgz", other["resolved"]]
    assert next(each.location for each in package_lock(file) if isinstance(each, Wanted)) == npmjs


def test_the_password_of_an_npm_registry_is_sent_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "package-lock.json"
    entries = {f"node_modules/{name}": {"version": "1.0.0", "integrity": integrity(b"")} for name in ("a", "b")}
    file.write_text(json.dumps({"packages": entries}))

    def answer(request: httpx.Request) -> httpx.Response:
        sent = request.headers.get("authorization") == f"Basic {base64.b64encode(b'ada:pw').decode()}"
        return httpx.Response((200 if request.url.path == "/a/-/a-1.0.0.tgz" else 404) if sent else 401, json={})

    sources = Sources(api(answer), ImageRegistries(), tmp_path, npm_registry="https://ada:pw@up.test")
    first, second = [each for each in sources.of(str(file)) if isinstance(each, Wanted)]
    sources.api.download(str(first.location), tmp_path / "a")
    with pytest.raises(RegistryError) as missing:
        sources.api.download(str(second.location), tmp_path / "b")
    (refused,) = sources.of("npm:c")
    assert isinstance(refused, Refused)
    assert f"{missing.value} {second.title} {refused.reason}" == (
        "https://up.test/b/-/b-1.0.0.tgz: cannot be fetched: 404 https://up.test/b/-/b-1.0.0.tgz "
        "https://up.test/c: cannot be fetched: 404"
    )


def test_an_invalid_url_of_a_registry_is_an_error_without_its_password(tmp_path: Path) -> None:
    url = "https://ada:p/w@up.test"
    sources = Sources(api(), ImageRegistries(), tmp_path, npm_registry=url, pypi_index=url)
    for name in ("npm:a", "pypi:a"):
        (refused,) = or_refused(name, sources.of(name))
        assert isinstance(refused, Refused)
        assert refused.reason.startswith("the URL of a registry or an index is not valid")


def test_optional_peers_that_npm_has_not_installed_are_no_failure(tmp_path: Path) -> None:
    """Reads lockfile entries without a version. npm writes such entries for optional peer dependencies (npm/cli#4796),
    and installs nothing for them.
    """
    file = tmp_path / "package-lock.json"
    absent = {"dev": True, "optional": True, "peer": True}
    there = {"version": "1.0.0", "peer": True, "resolved": "https://up.test/b.tgz", "integrity": integrity(b"")}
    file.write_text(json.dumps({"packages": {"node_modules/a": absent, "node_modules/b": there}}))
    (found,) = package_lock(file)
    assert isinstance(found, Wanted)
    assert found.spec == "b@1.0.0"


def test_a_bad_entry_of_a_package_lock_is_named_and_stops_no_other(tmp_path: Path) -> None:
    file = tmp_path / "package-lock.json"
    entries = {
        "node_modules/a": {"version": "1.0.0", "resolved": "git+ssh://x"},
        "node_modules/b": {"version": "2.0.0", "resolved": "https://x/b.tgz", "integrity": "md5-AA=="},
        "node_modules/c": {"version": "3.0.0", "resolved": "https://x/c.tgz", "integrity": integrity(b"x")},
    }
    file.write_text(json.dumps({"packages": entries}))
    git, no_digest, good = package_lock(file, "https://up.test/npm")
    assert isinstance(git, Refused)
    assert (git.title, "node_modules/a is resolved to 'git+ssh://x'" in git.reason) == ("a@1.0.0", True)
    assert isinstance(no_digest, Refused)
    assert (no_digest.title, "states no supported digest" in no_digest.reason) == ("b@2.0.0", True)
    assert isinstance(good, Wanted)


def test_the_workspaces_of_a_package_lock_are_left_out_and_their_packages_are_not(tmp_path: Path) -> None:
    file = tmp_path / "package-lock.json"
    entries = {
        "": {"workspaces": ["packages/*"]},
        "packages/web": {"name": "@acme/web", "version": "1.0.0"},
        "tools": {"version": "1.0.0", "dev": True},
        "node_modules/@acme/web": {"resolved": "packages/web", "link": True},
        "packages/web/node_modules/a": {"version": "1.0.0", "resolved": "https://x/a.tgz", "integrity": integrity(b"")},
    }
    file.write_text(json.dumps({"packages": entries}))
    (found,) = package_lock(file)
    assert isinstance(found, Wanted)
    assert found.spec == "a@1.0.0"


def test_an_entry_of_a_package_lock_without_a_digest_gets_that_of_the_registry(
    network: Network, tmp_path: Path, upstream: dict[str, Any]
) -> None:
    file = tmp_path / "package-lock.json"
    place = "node_modules/@acme/web"
    entries: dict[str, Any] = {place: {"version": "1.0.0"}, f"x/{place}": {"version": "2.0.0"}, "node_modules/gone": {}}
    entries |= {"node_modules/q": {"version": "1.0.0"}}
    file.write_text(json.dumps({"packages": entries}))
    there = api(source(upstream))
    sources = Sources(there, ImageRegistries(httpx.MockTransport(offline)), tmp_path, "https://up.test/npm")
    imported = run(network, tmp_path / "journal", sources.of(str(file)), source(upstream))
    assert (imported.new, [title for title, _ in imported.failed]) == (2, ["gone@", "q@1.0.0"])
    assert "neither a version nor a digest" in imported.failed[0][1]
    assert list(network.json("npm/@acme/web/packument.json")["versions"]) == ["1.0.0", "2.0.0"]


@pytest.mark.parametrize(
    "name", ["uv.lock", "poetry.lock", "pylock.toml", "yarn.lock", "pnpm-lock.yaml", "package.json"]
)
def test_another_lockfile_is_refused_with_the_command_that_makes_one_that_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("version = 1\n")
    sources = Sources(api(), ImageRegistries(httpx.MockTransport(offline)), tmp_path)
    with pytest.raises(RegistryError, match=rf"{name}: cannot be read; import .*: (uv|poetry|npm) "):
        list(sources.of(str(tmp_path / name)))
