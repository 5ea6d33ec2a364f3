"""Tests imports from the registries in the configuration of npm and pip. The tests run real clients. Some of the
registries require authentication.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from registry import RegistryError
from registry.ecosystems.upstream import Upstream
from registry.importing import Found, Refused, Wanted
from registry.importing.apis import Api
from registry.importing.clients import npm_locked, npm_package, npm_tree, pip_indexes
from registry.importing.images.carry import ImageRegistries
from registry.importing.sources import Sources
from tests.support.http_server import serving
from tests.support.packages import tarball

TOKEN = "npm-token"


@dataclass
class Npm:
    """Provides two npm registries on one host. One is public. The other is for the scope @acme and needs a token."""

    url: str = ""
    answers: dict[str, bytes] = field(default_factory=dict[str, bytes])
    refused: list[str] = field(default_factory=list[str])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    commands: list[str] = field(default_factory=list[str])

    def publish(self, registry: str, file: Path, name: str, *versions: str, integrity: str = "") -> None:
        packument: dict[str, Any] = {"name": name, "versions": {}, "dist-tags": {"latest": versions[-1]}}
        packument["time"] = {version: f"2019-01-0{day}T00:00:00.000Z" for day, version in enumerate(versions, 1)}
        for version in versions:
            body = tarball(file, {"name": name, "version": version}).read_bytes()
            path = f"/{registry}/{name}/-/{name.rsplit('/', 1)[-1]}-{version}.tgz"
            found = integrity or f"sha512-{base64.b64encode(hashlib.sha512(body).digest()).decode()}"
            dist = {"tarball": f"{self.url}{path}", "integrity": found}
            packument["versions"][version] = {"name": name, "version": version, "dist": dist, "deprecated": "old"}
            self.answers[path] = body
        self.answers[f"/{registry}/{name}"] = json.dumps(packument).encode()


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Npm]:
    registry = Npm()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(self.path)
            registry.commands.append(self.headers.get("npm-command", ""))
            allowed = path.startswith("/public/") or self.headers["Authorization"] == f"Bearer {TOKEN}"
            if not allowed:
                registry.refused.append(path)
            body = registry.answers.get(path) if allowed else None
            self.send_response(200 if body is not None else 404 if allowed else 401)
            for name, value in registry.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if body and b'"time"' in body and self.headers["Accept"] != "application/json":
                body = json.dumps({**json.loads(body), "time": {}}).encode()
            self.wfile.write(body or b"{}")

        def log_message(self, format: str, *args: Any) -> None: ...

    with serving(Handler) as url:
        registry.url = url
        _configure_npm(url, tmp_path, monkeypatch)
        yield registry


def _configure_npm(url: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes npm use the test's registries, and gives npm the token for the registry of the scope @acme. npm ignores the
    computer's own settings.
    """
    host = url.removeprefix("http://")
    lines = [f"registry={url}/public/", f"@acme:registry={url}/private/"]
    lines += [f"//{host}/private/:_authToken={TOKEN}", f"cache={directory / 'cache'}", "fetch-retries=0"]
    (directory / "npmrc").write_text("\n".join(lines))
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(directory / "npmrc"))
    for name in [each for each in os.environ if each.lower().startswith("npm_config_")]:
        if name != "NPM_CONFIG_USERCONFIG":
            monkeypatch.delenv(name)


def specs(found: Iterator[Found]) -> list[str]:
    """Returns the specifications (`name@version`) of the packages to import. Asserts that each package's digest is the
    SHA-512 hash of its file.
    """
    there: list[str] = []
    for each in found:
        assert isinstance(each, Wanted), each
        assert isinstance(each.location, Path)
        assert each.digest == f"sha512:{hashlib.sha512(each.location.read_bytes()).hexdigest()}"
        there.append(each.spec)
    return there


def test_a_scope_comes_from_its_registry_with_its_token(npm: Npm, tmp_path: Path) -> None:
    npm.publish("private", tmp_path / "x.tgz", "@acme/web", "1.0.0", "2.0.0-beta.1", "2.0.0")
    npm.publish("public", tmp_path / "x.tgz", "ms", "1.0.0")
    sources = Sources(Api(), ImageRegistries(), tmp_path / "scratch")
    assert specs(sources.of("npm:@acme/web")) == ["@acme/web@2.0.0"]
    assert specs(sources.of("npm:@acme/web@1.0.0")) == ["@acme/web@1.0.0"]
    assert specs(sources.of("npm:ms")) == ["ms@1.0.0"]
    every = npm_package("@acme/web", "", tmp_path / "scratch", all_versions=True)
    assert specs(every) == ["@acme/web@1.0.0", "@acme/web@2.0.0-beta.1", "@acme/web@2.0.0"]
    assert npm.refused == []


@pytest.mark.parametrize(("headers", "asks_again"), [({}, False), ({"Cache-Control": "no-store"}, True)])
def test_npm_brings_what_its_registry_says_about_a_version(
    npm: Npm, tmp_path: Path, headers: dict[str, str], asks_again: bool
) -> None:
    npm.headers = headers
    npm.publish("private", tmp_path / "x.tgz", "@acme/web", "1.0.0", "2.0.0")
    (found,) = Sources(Api(), ImageRegistries(), tmp_path / "scratch").of("npm:@acme/web@1.0.0")
    assert isinstance(found, Wanted)
    assert found.upstream == Upstream("2019-01-01T00:00:00.000Z", "old", {"latest": "2.0.0"})
    assert any(command.startswith("view") for command in npm.commands) == asks_again


def test_a_registry_without_times_receives_one_request(npm: Npm, tmp_path: Path) -> None:
    npm.publish("public", tmp_path / "x.tgz", "ms", "1.0.0")
    packument = json.loads(npm.answers["/public/ms"])
    del packument["time"]
    npm.answers["/public/ms"] = json.dumps(packument).encode()
    (found,) = Sources(Api(), ImageRegistries(), tmp_path / "scratch").of("npm:ms@1.0.0")
    assert isinstance(found, Wanted)
    assert found.upstream == Upstream("", "old", {"latest": "1.0.0"})
    assert not [command for command in npm.commands if command.startswith("view")]


def test_a_lockfile_is_fetched_as_npm_does_and_a_missing_package_stops_no_other(npm: Npm, tmp_path: Path) -> None:
    npm.publish("private", tmp_path / "x.tgz", "@acme/web", "1.0.0")
    npm.publish("public", tmp_path / "x.tgz", "ms", "1.0.0")
    npm.publish("public", tmp_path / "x.tgz", "evil", "1.0.0")
    packages: dict[str, Any] = {}
    for registry, name in (("private", "@acme/web"), ("public", "ms"), ("public", "evil"), ("public", "missing")):
        packument = json.loads(npm.answers.get(f"/{registry}/{name}", b"{}"))
        dist = packument["versions"]["1.0.0"]["dist"] if packument else {"integrity": f"sha512-{'A' * 86}=="}
        resolved = {"resolved": dist["tarball"]} if name == "@acme/web" else {}
        packages[f"node_modules/{name}"] = {"version": "1.0.0", "integrity": dist["integrity"], **resolved}
    option = f"--registry={npm.url}/other/#"  # this name must not make npm fetch packages from another registry
    packages[f"node_modules/{option}"] = {"version": "1.0.0"}
    (tmp_path / "package-lock.json").write_text(json.dumps({"lockfileVersion": 3, "packages": packages}))
    npm.publish("public", tmp_path / "x.tgz", "evil", "1.0.0", integrity=f"sha512-{'B' * 86}==")
    found = list(npm_locked(tmp_path / "package-lock.json", tmp_path / "scratch"))
    refused = {each.title: each.reason for each in found if isinstance(each, Refused)}
    assert specs(each for each in found if isinstance(each, Wanted)) == ["@acme/web@1.0.0", "ms@1.0.0"]
    assert refused.keys() == {"evil@1.0.0", "missing@1.0.0", f"{option}@1.0.0"}
    assert npm.refused == []
    assert "EINTEGRITY" in refused["evil@1.0.0"]
    assert "E404" in refused["missing@1.0.0"]


def test_a_dependency_tree_comes_from_the_configured_registry(npm: Npm, tmp_path: Path) -> None:
    npm.publish("private", tmp_path / "x.tgz", "@acme/web", "1.0.0")
    assert specs(npm_tree(["@acme/web"], tmp_path / "tree")) == ["@acme/web@1.0.0"]


def test_without_npm_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RegistryError, match="npm is missing; install it, name a registry with --npm-registry"):
        list(npm_package("ms", "", tmp_path / "scratch", all_versions=True))


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes pip read only one configuration file. Returns the path of this file."""
    for name in [each for each in os.environ if each.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    return tmp_path / "pip.conf"


def test_the_indexes_are_those_that_pip_uses(pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip.write_text(
        "[global]\nindex-url = https://ada:pw@a.test/simple\nextra-index-url =\n  https://b.test\n  https://c.test\n"
    )
    assert pip_indexes() == ["https://ada:pw@a.test/simple", "https://b.test", "https://c.test"]
    pip.write_text("[global]\nindex-url = https://a.test/simple\n[download]\nindex-url = https://d.test/simple\n")
    assert pip_indexes()[0] == "https://d.test/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://e.test/simple")
    assert pip_indexes()[0] == "https://e.test/simple"
    pip.write_text("[global]\nno-index = true\n")
    with pytest.raises(RegistryError, match="to ask no index"):
        pip_indexes()


def test_without_configuration_pip_reports_its_default_index(pip: Path) -> None:
    pip.write_text("")
    assert pip_indexes()[0].startswith(("https://", "http://"))


def test_each_index_gets_its_own_password_and_a_file_comes_from_the_first_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine b.test login bob password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    who: dict[str, str] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        name, _, encoded = request.headers.get("authorization", "").partition(" ")
        who[request.url.host] = base64.b64decode(encoded).decode() if name == "Basic" else ""
        if request.url.path == "/moved":
            return httpx.Response(302, headers={"location": "https://store.test/p"})
        if request.url.host == "c.test":
            return httpx.Response(404)
        listed = {"a.test": ["1.0"], "b.test": ["1.0", "2.0"]}.get(request.url.host, [])
        files = [
            {"filename": f"p-{each}.tar.gz", "url": f"../{each}", "hashes": {"sha256": f"{each}-{request.url.host}"}}
            for each in listed
        ]
        return httpx.Response(200, json={"files": files})

    api = Api(httpx.MockTransport(answer))
    found = list(
        api.pypi(["https://ada:p%40w@a.test/s", "https://b.test/s", "https://c.test/s"], "p", "", all_versions=True)
    )
    assert [each.location for each in found if isinstance(each, Wanted)] == [
        "https://a.test/s/1.0",
        "https://b.test/s/2.0",
    ]
    api.download("https://a.test/moved", tmp_path / "file")
    assert who == {"a.test": "ada:p@w", "b.test": "bob:secret", "c.test": "", "store.test": ""}
    with pytest.raises(RegistryError, match=r"c\.test/s/p/: cannot be fetched: 404"):
        list(api.pypi(["https://c.test/s"], "p", ""))


def test_a_failing_index_does_not_count_as_lacking_the_project() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403 if request.url.host == "a.test" else 200, json={"files": []})

    with pytest.raises(RegistryError, match=r"a\.test/s/p/: cannot be fetched: 403"):
        list(Api(httpx.MockTransport(answer)).pypi(["https://a.test/s", "https://b.test/s"], "p", ""))
