"""Tests that pip installs imported files: wheels that break today's packaging rules, and real packages from the index
that pip is configured to use.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from registry.catalog.audit import By
from registry.importing import Wanted, retries
from registry.importing.apis import Api
from registry.importing.clients import pip_indexes
from registry.importing.directory import wanted_in
from registry.importing.images.carry import ImageRegistries
from registry.importing.journal import Journal
from registry.importing.pipeline import Import, Imported
from registry.importing.sources import Sources
from tests.support.http_server import serving
from tests.support.python_files import metadata, wheel
from tests.support.registry import Network, network

__all__ = ["network"]

OFFLINE = "ARTIFACT_EDGE_OFFLINE"

pytestmark = pytest.mark.parametrize("network", ["s3"], indirect=True)


class _Bucket(BaseHTTPRequestHandler):
    """Serves the objects of the origin bucket at the URLs that clients request."""

    def __init__(self, stack: Network, *arguments: Any) -> None:
        self._network = stack
        super().__init__(*arguments)

    def do_GET(self) -> None:
        key = self.path.removeprefix("/") + ("index.html" if self.path.endswith("/") else "")
        body = self._network.get(key)
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if key.endswith(".html") else "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def index(network: Network) -> Iterator[str]:
    """Returns the URL of a simple index that serves the imported files."""
    with serving(partial(_Bucket, network)) as url:
        yield f"{url}/pypi/simple/"


def run(network: Network, directory: Path, sources: list[str]) -> Imported:
    journal = Journal(directory / "journal")
    api, registries = Api(), ImageRegistries()
    try:
        named = Sources(api, registries, directory / "scratch")
        importing = Import(
            network.target, By("importer", "", "import"), journal, api, registries, workers=4, report=lambda _: None
        )
        return importing.run(each for source in sources for each in named.of(source))
    finally:
        journal.close()


def pip_install(index: str, target: Path, *requirements: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-cache-dir", "--no-compile"),
            *("--disable-pip-version-check", "--target", str(target), "--index-url", index, *requirements),
        ],
        env={**environment, "PIP_CONFIG_FILE": os.devnull, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )


def odd_wheels(directory: Path) -> list[str]:
    """Writes wheels, each of which breaks a different rule of Python packaging. Returns the names of the wheels'
    projects.
    """
    directory.mkdir()
    lines = {
        "old": ["Requires-Python: >=2.7, !=3.0.*"],
        "licensed": ["License-File: LICENSE"],
        "extra": ["Provides-Extra: not!an extra", "Classifier: Nothing :: Known"],
        "python": ["Requires-Python: >=3.*, nonsense"],
        "unheard": ["Unheard-Of: field", "Description-Content-Type: text/nonsense"],
    }
    for name, more in lines.items():
        says = metadata(*more, name=name.upper(), of="2.0" if name == "old" else "2.1")
        vendored = {f"{name}/_vendor/q-1.0.dist-info/METADATA": metadata(name="q"), f"{name}/__init__.py": ""}
        wheel(directory / f"{name}-1.0-1-py2.py3-none-any.whl", says, directory=f"{name}-1.0.dist-info", more=vendored)
    return list(lines)


def test_pip_installs_files_that_break_the_rules_of_today(network: Network, index: str, tmp_path: Path) -> None:
    projects = odd_wheels(tmp_path / "odd")
    assert len(list(wanted_in(tmp_path / "odd"))) == len(projects)
    imported = run(network, tmp_path, [str(tmp_path / "odd")])
    assert (imported.new, imported.failed) == (len(projects), [])
    installed = pip_install(index, tmp_path / "target", *projects)
    assert installed.returncode == 0, installed.stderr
    assert {path.name for path in (tmp_path / "target").glob("*.dist-info")} == {
        f"{project}-1.0.dist-info" for project in projects
    }


@pytest.mark.skipif(OFFLINE in os.environ, reason=f"{OFFLINE} is set: there is no index to import from")
def test_real_packages_are_imported_from_the_index_of_pip_and_install(
    network: Network, index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Imports and installs three packages with unusual metadata.

    The package `requests` has the field `License-File`, although its metadata is older than version 2.4, which defined
    this field. The package `setuptools` contains copies of other distributions. The package `six` has metadata 2.0.
    """
    # The fixture `waits` removes the pauses before repeated requests. A real index may require these pauses.
    monkeypatch.setattr(retries, "sleep", time.sleep)
    specs = ["requests==2.31.0", "setuptools==75.1.0", "six==1.10.0"]
    imported = run(network, tmp_path, [f"pypi:{spec}" for spec in specs])
    assert (imported.new, imported.failed, imported.left_out) == (6, [], [])
    listed = {each.filename: each for each in Api().pypi(pip_indexes(), "six", "1.10.0") if isinstance(each, Wanted)}
    files = network.json("pypi/simple/six/index.json")["files"]
    assert {file["filename"] for file in files} == listed.keys()
    for file in files:
        upstream = listed[file["filename"]]
        assert f"sha256:{hashlib.sha256(network.get(file['url'].removeprefix('/'))).hexdigest()}" == upstream.digest
        assert file["upload-time"].startswith("2015-10-07T")
    installed = pip_install(index, tmp_path / "target", *specs)
    assert installed.returncode == 0, installed.stderr
    assert {path.name for path in (tmp_path / "target").glob("*.dist-info")} == {
        "requests-2.31.0.dist-info",
        "setuptools-75.1.0.dist-info",
        "six-1.10.0.dist-info",
    }
