"""Tests the registry's commands on a sandbox (emulated clouds): imports, withdrawals, and the report that says which
caches serve a change.
"""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from emulation.layout import CLIENT_LOCATIONS
from local import operator
from local.checkout import CHECKOUT
from local.clients import Client
from local.health import client_location_proxy
from tests.support.packages import tarball, wheel
from tests.support.sandbox.commands import registry, run
from tests.support.sandbox.edge import access
from tests.support.sandbox.installs import npm_install, pip_install
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually

# Set this environment variable on a machine that reaches no npm registry. Tests that import from the registry are then
# skipped; without the variable, they fail.
OFFLINE = "ARTIFACT_EDGE_OFFLINE"


@pytest.fixture(scope="module")
def reader(up: Up) -> Client:
    """Returns a configured client whose token may pull all npm and Python packages."""
    client = Client(up.sandbox, "importer", up.outputs()["url"])
    client.configure(operator.issue_token(up.sandbox, up.outputs(), "importer", ["npm:*:pull", "pypi:*:pull"]))
    return client


# httpx and the packages that httpx needs
PINNED = ("anyio==", "certifi==", "h11==", "httpcore==", "httpx==", "idna==", "typing-extensions==")


def tree(directory: Path) -> None:
    """Writes npm and Python packages into `directory`: `top` depends on `middle`, which depends on `bottom`."""
    names = ["top", "middle", "bottom"]
    for name, needed in zip(names, [*names[1:], ""], strict=True):
        dependencies = {needed: "^1.0.0"} if needed else {}
        tarball(directory / f"{name}.tgz", {"name": name, "version": "1.0.0", "dependencies": dependencies})
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        metadata += f"Requires-Dist: {needed}\n" if needed else ""
        wheel(directory / f"{name}-1.0-py3-none-any.whl", metadata=metadata, project=name)


def test_an_imported_tree_installs_with_its_dependencies(up: Up, reader: Client, tmp_path: Path) -> None:
    tree(tmp_path)
    imported = registry(up, "import", tmp_path, "--journal", tmp_path / "journal")
    assert imported.returncode == 0, imported.stderr
    assert imported.stdout == "imported 6; there already 0; failed 0\n"
    assert_installs(reader, tmp_path, "top", ["top", "middle", "bottom"], "top", ["top", "middle", "bottom"])


@pytest.mark.skipif(OFFLINE in os.environ, reason=f"{OFFLINE} is set: there is no registry to import from")
def test_real_packages_are_imported_by_the_clients_and_install_through_the_edge(
    up: Up, reader: Client, tmp_path: Path
) -> None:
    # npm chooses versions that existed on this day, and pip chooses the versions in the lock file. A new release of a
    # package therefore does not change this test.
    lock = (CHECKOUT / "requirements.lock").read_text().splitlines()
    (tmp_path / "pins").write_text("\n".join(line.split()[0] for line in lock if line.startswith(PINNED)))
    chosen = {"NPM_CONFIG_BEFORE": "2026-11-01", "PIP_CONSTRAINT": str(tmp_path / "pins")}
    command = ("import", "--from-npm", "express", "--from-pip", "httpx", "--journal", tmp_path / "journal")
    imported = registry(up, *command, **chosen)
    assert imported.returncode == 0, imported.stdout + imported.stderr
    assert_installs(reader, tmp_path, "express", ["express", "accepts", "ms"], "httpx", ["httpx", "httpcore", "idna"])
    output = run(f"cd {tmp_path / 'npm'} && node -e \"console.log(typeof require('express')().listen)\"")
    assert output.stdout == "function\n", output.stderr
    output = run(f"PYTHONPATH={tmp_path / 'python'} python3 -c 'import httpx; print(httpx.__file__)'")
    assert str(tmp_path) in output.stdout, output.stderr


def assert_installs(
    reader: Client, directory: Path, npm: str, modules: list[str], python: str, distributions: list[str]
) -> None:
    result = npm_install(reader, npm, directory / "npm")
    assert result.returncode == 0, result.stderr
    for name in modules:
        assert (directory / "npm/node_modules" / name / "package.json").exists(), name
    result = pip_install(reader, python, directory / "python")
    assert result.returncode == 0, result.stderr
    installed = [path.name.split("-")[0] for path in (directory / "python").glob("*.dist-info")]
    assert set(distributions) <= set(installed)


def test_a_change_is_followed_through_every_tier(up: Up, reader: Client, tmp_path: Path) -> None:
    first = tarball(tmp_path / "1.tgz", {"name": "followed", "version": "1.0.0"})
    assert registry(up, "publish", first).returncode == 0
    with httpx.Client(**access(up, CLIENT_LOCATIONS[0], "importer")) as client:
        # The first request stores the packument in the caches.
        assert list(client.get("/npm/followed").json()["versions"]) == ["1.0.0"]
    assert (
        registry(up, "publish", tarball(tmp_path / "2.tgz", {"name": "followed", "version": "2.0.0"})).returncode == 0
    )
    vias = [
        option
        for each in CLIENT_LOCATIONS
        for option in ("--via", f"{each.name}={client_location_proxy(up.sandbox, each)}")
    ]
    patient = ("--timeout", "300", "--objective", "300")  # a busy machine may need longer than the default limits
    followed = registry(up, "visible", "npm:followed", *patient, *vias, ARTIFACT_EDGE_TOKEN=reader.token() or "")
    assert followed.returncode == 0, followed.stdout + followed.stderr
    places = {tuple(line.split()[:2]) for line in followed.stdout.splitlines()[1:]}
    outputs = up.outputs()
    assert places == {
        *(("origin", bucket["region"]) for bucket in outputs["buckets"]),
        *(("shield", shield["name"]) for shield in outputs["shields"]),
        *(("edge", client_location.name) for client_location in CLIENT_LOCATIONS),
    }
    listed = up.aws("cloudwatch").list_metrics(Namespace="ArtifactEdge", MetricName="PublishToVisibleSeconds")[
        "Metrics"
    ]
    assert len(listed) == len(places) + 1


def test_an_unpublished_version_is_refused_although_every_cache_has_it(up: Up, reader: Client, tmp_path: Path) -> None:
    file = tarball(tmp_path / "bad.tgz", {"name": "bad", "version": "1.0.0"})
    assert registry(up, "publish", file).returncode == 0
    with httpx.Client(**access(up, CLIENT_LOCATIONS[0], "importer")) as client:
        path = "/npm/bad/-/bad-1.0.0.tgz"
        assert client.get(path).content == file.read_bytes()
        assert client.get(path).headers["x-cache"] == "edge; hit"
        taken = registry(up, "unpublish", "npm:bad@1.0.0")
        assert (taken.returncode, taken.stdout) == (0, "unpublish: npm bad 1.0.0\n"), taken.stderr
        assert eventually(lambda: client.get(path).status_code == 410)
        assert eventually(lambda: client.get("/npm/bad").json()["versions"] == {})
    log = registry(up, "audit").stdout.splitlines()
    assert [line.split("  ")[2:] for line in log[-2:]] == [["publish", "npm bad 1.0.0"], ["unpublish", "npm bad 1.0.0"]]
