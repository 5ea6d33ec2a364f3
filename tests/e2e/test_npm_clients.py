"""Tests that npm, pnpm and yarn install unusual packages, such as a package with bundled dependencies.

pnpm and yarn come from PATH, or from the registry that npm is configured with.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import operator
from local.clients import Client
from tests.support.http_server import serving
from tests.support.npm_signatures import verify_with
from tests.support.packages import tarball
from tests.support.sandbox.commands import registry
from tests.support.sandbox.installs import Finished, in_client
from tests.support.sandbox.up import Up

# The last version of yarn that reads .npmrc, and a version of pnpm for Node.js 18 and later.
PROGRAMS = {"pnpm": "pnpm@10.34.9", "yarn": "yarn@1.22.22"}
# Set this environment variable on a machine that reaches no npm registry. Tests that need pnpm or yarn from the
# registry are then skipped. Without the variable, these tests fail.
OFFLINE = "ARTIFACT_EDGE_OFFLINE"


@pytest.fixture(scope="module")
def reader(up: Up) -> Client:
    """Returns a configured client whose token may pull all npm packages."""
    client = Client(up.sandbox, "npm-clients", up.outputs()["url"])
    client.configure(operator.issue_token(up.sandbox, up.outputs(), "npm-clients", ["npm:*:pull"]))
    return client


@pytest.fixture(scope="module")
def published(up: Up, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Publishes a package with bundled dependencies, one with a shrinkwrap file, the package that this file pins, and
    one with capital letters in its name, which npm allows only for old packages.
    """
    directory = tmp_path_factory.mktemp("published")
    inner = {"node_modules/@wild/inner/package.json": json.dumps({"name": "@wild/inner", "version": "1.0.0"})}
    bundler = {"name": "@wild/bundler", "version": "1.0.0"}
    bundler |= {"dependencies": {"@wild/inner": "^1.0.0"}, "bundledDependencies": ["@wild/inner"]}
    first = tarball(directory / "pinned-1.tgz", {"name": "@wild/pinned", "version": "1.0.0"})
    integrity = f"sha512-{base64.b64encode(hashlib.sha512(first.read_bytes()).digest()).decode()}"
    url = f"{up.outputs()['url']}/npm/@wild/pinned/-/pinned-1.0.0.tgz"
    wrapped: dict[str, Any] = {"name": "@wild/wrapped", "version": "1.0.0", "dependencies": {"@wild/pinned": "^1.0.0"}}
    pinned = {"version": "1.0.0", "resolved": url, "integrity": integrity}
    lock = {"lockfileVersion": 3, "packages": {"": wrapped, "node_modules/@wild/pinned": pinned}}
    files = [
        tarball(directory / "bundler.tgz", bundler, files=inner),
        first,
        tarball(directory / "pinned-2.tgz", {"name": "@wild/pinned", "version": "1.1.0"}),
        tarball(directory / "wrapped.tgz", wrapped, files={"npm-shrinkwrap.json": json.dumps(lock)}),
        tarball(directory / "legacy.tgz", {"name": "WildStream", "version": "1.3.5"}),
    ]
    result = registry(up, "publish", *files)
    assert result.returncode == 0, result.stderr


@functools.cache
def program(name: str) -> str:
    """Returns the path of the program pnpm or yarn; installs it if PATH lacks it."""
    found = shutil.which(name)
    if found:
        return found
    if OFFLINE in os.environ:
        pytest.skip(f"{OFFLINE} is set: {name} cannot be fetched")
    directory = Path.home() / ".cache/artifact-edge-tests" / PROGRAMS[name]
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(directory), PROGRAMS[name]]
    subprocess.run(command, check=True, capture_output=True)
    return str(directory / "node_modules/.bin" / name)


def installed(directory: Path) -> dict[str, str]:
    """Maps the path of each installed package below node_modules to the package's version."""
    modules = directory / "node_modules"
    return {
        str(file.parent.relative_to(modules)): json.loads(file.read_text())["version"]
        for file in modules.glob("**/package.json")
    }


def npm(reader: Client, directory: Path, *arguments: str) -> Finished:
    directory.mkdir(exist_ok=True)
    (directory / "package.json").touch()
    if not (directory / "package.json").read_text():
        (directory / "package.json").write_text('{"name": "user", "version": "1.0.0"}')
    return in_client(reader, ["npm", *arguments], directory)


def test_npm_installs_bundled_pinned_and_legacy_packages(published: None, reader: Client, tmp_path: Path) -> None:
    result = npm(reader, tmp_path / "user", "install", "@wild/bundler", "@wild/wrapped", "WildStream")
    assert result.returncode == 0, result.stderr
    found = installed(tmp_path / "user")
    assert found["@wild/bundler/node_modules/@wild/inner"] == "1.0.0"
    assert {version for path, version in found.items() if path.endswith("@wild/pinned")} == {"1.0.0"}
    assert found["WildStream"] == "1.3.5"


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_other_clients_install_them_too(published: None, reader: Client, tmp_path: Path, name: str) -> None:
    packages = ["@wild/wrapped", "WildStream"]
    if name == "pnpm":  # yarn 1 cannot install `@wild/bundler`, because it also requests the bundled package
        packages.append("@wild/bundler")
    shutil.copy(reader.directory / "npmrc", tmp_path / ".npmrc")
    with (tmp_path / ".npmrc").open("a") as settings:
        settings.write("\nalways-auth=true\n")
    (tmp_path / "package.json").write_text('{"name": "user", "version": "1.0.0"}')
    result = in_client(
        reader, [program(name), "add", *packages], tmp_path, HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path)
    )
    assert result.returncode == 0, result.stdout + result.stderr
    for package in packages:
        assert (tmp_path / "node_modules" / package / "package.json").exists(), package


def test_npm_finds_answers_besides_the_packument(published: None, reader: Client, tmp_path: Path) -> None:
    user = tmp_path / "user"
    assert npm(reader, user, "install", "@wild/pinned@1.0.0").returncode == 0
    assert npm(reader, user, "dist-tag", "ls", "@wild/pinned").stdout == "latest: 1.1.0\n"
    assert npm(reader, user, "view", "@wild/pinned@1.0.0", "dist.fileCount").stdout == "1\n"
    assert npm(reader, user, "whoami").stdout == "npm-clients\n"
    assert "PONG" in npm(reader, user, "ping").stderr
    outdated = json.loads(npm(reader, user, "outdated", "--json", "--all").stdout)
    assert outdated["@wild/pinned"]["latest"] == "1.1.0"
    audit = npm(reader, user, "audit")
    assert audit.returncode == 1
    assert "this registry has no security advisories" in audit.stdout + audit.stderr
    found = json.loads(npm(reader, user, "search", "--json", "wild").stdout)
    names = {each["name"] for each in found}
    assert names >= {"@wild/bundler", "@wild/pinned", "@wild/wrapped", "WildStream"}
    assert npm(reader, user, "search", "--parseable", "wildstream").stdout.split("\t")[0] == "WildStream"


def test_npm_verifies_the_signatures_of_the_registry(published: None, up: Up, reader: Client, tmp_path: Path) -> None:
    pacote = Path(shutil.which("npm") or "").resolve().parents[1] / "node_modules/pacote"
    settings = dict(line.split("=", 1) for line in (reader.directory / "npmrc").read_text().splitlines() if "=" in line)
    specs = ["@wild/pinned@1.0.0", "@wild/pinned@1.1.0", "WildStream"]
    command = verify_with(pacote, settings["registry"], reader.token() or "", settings, specs)
    result = in_client(reader, command, tmp_path)
    assert result.stdout.splitlines() == ["@wild/pinned@1.0.0 1", "@wild/pinned@1.1.0 1", "WildStream@1.3.5 1"], (
        result.stderr
    )


@pytest.fixture
def other_registry(tmp_path: Path) -> Iterator[str]:
    """Serves a second npm registry, which is not the project's. This registry has only one package, whose two versions
    were published in 2019 and 2020. The tag `latest` names the older version.
    """
    answers: dict[str, bytes] = {}
    times = {"1.0.0": "2019-01-01T00:00:00.000Z", "2.0.0": "2020-01-01T00:00:00.000Z"}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path.replace("%2F", "/"))
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(body or b"{}")

        def log_message(self, format: str, *args: Any) -> None: ...

    with serving(Handler) as url:
        versions: dict[str, Any] = {}
        for number in times:
            body = tarball(tmp_path / "x.tgz", {"name": "@wild/timed", "version": number}).read_bytes()
            answers[f"/{number}.tgz"] = body
            integrity = f"sha512-{base64.b64encode(hashlib.sha512(body).digest()).decode()}"
            versions[number] = {"dist": {"tarball": f"{url}/{number}.tgz", "integrity": integrity}}
        packument = {"versions": versions, "time": times, "dist-tags": {"latest": "1.0.0", "next": "2.0.0"}}
        answers["/@wild/timed"] = json.dumps(packument).encode()
        yield url


def test_npm_picks_an_imported_version_as_it_does_from_the_other_registry(
    up: Up, reader: Client, tmp_path: Path, other_registry: str
) -> None:
    journal = ("--journal", tmp_path / "journal")
    imported = registry(up, "import", "npm:@wild/timed", "--all-versions", "--npm-registry", other_registry, *journal)
    assert imported.stdout == "imported 2; there already 0; failed 0\n", imported.stderr
    for arguments, version in [
        (("@wild/timed",), "1.0.0"),
        (("@wild/timed@next",), "2.0.0"),
        (("@wild/timed@>=1", "--before=2019-06-01"), "1.0.0"),
    ]:
        user = tmp_path / f"user{arguments[0][-1]}{len(arguments)}"
        result = npm(reader, user, "install", *arguments)
        assert result.returncode == 0, result.stderr
        assert installed(user)["@wild/timed"] == version
