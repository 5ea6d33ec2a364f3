"""Tests releases of the edge worker by percentage with real clients. `python -m rollout` rolls back a bad version while
npm installs packages, and sends all requests to a good version in the end.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from emulation.engine.environment import cloud_environment
from emulation.layout import CLIENT_LOCATIONS, ClientLocation
from infra.edge.bundle import compile_worker
from infra.edge.cloudflare import worker_version
from local.checkout import CHECKOUT
from local.clients import Client
from tests.support.background import in_background
from tests.support.sandbox.edge import access
from tests.support.sandbox.installs import npm_install
from tests.support.sandbox.up import Up

pytestmark = pytest.mark.nightly

WORKER = CHECKOUT / "workers" / "edge"
FILE = "/npm/@acme/greeting/-/greeting-1.0.0.tgz"
# The edge worker executes this line before it answers a request for an object. The test inserts a fault before the
# line, which makes a third of these requests fail.
LINE = '    try {\n      if (wanted.kind === "token")'
FAULT = '    if (Math.random() < 1 / 3) return new Response("planted\\n", { status: 503 });\n'
HARMLESS = '    if (wanted.kind === "object" && wanted.key === "planted") return new Response("planted\\n");\n'


def rollout(up: Up, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of `python -m rollout`, which releases the edge worker, on the stack in the emulated clouds."""
    return subprocess.run(
        [sys.executable, "-m", "rollout", command, "--stack", "local", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, **cloud_environment(up.sandbox, {})},
        capture_output=True,
        text=True,
        check=False,
    )


def bundle(directory: Path, planted: str) -> Path:
    """Compiles the edge worker with the code `planted` inserted before LINE. Returns the file with the bundle."""
    sources = directory / "workers" / "edge"
    sources.mkdir(parents=True)
    (sources / "node_modules").symlink_to(WORKER / "node_modules")
    (sources / "tsconfig.json").symlink_to(WORKER / "tsconfig.json")
    (sources / "src").mkdir()
    for file in (WORKER / "src").iterdir():
        text = file.read_text()
        if file.name == "index.ts":
            assert LINE in text
            text = text.replace(LINE, planted + LINE)
        (sources / "src" / file.name).write_text(text)
    compiled = directory / "worker.js"
    compiled.write_text(compile_worker(sources))
    return compiled


@contextmanager
def clients(up: Up) -> Generator[list[int]]:
    """Sends requests for an object from each client location during the `with` block. Yields a list that gets the
    status of each response.
    """
    statuses = list[int]()

    def send(location: ClientLocation, ended: threading.Event) -> None:
        with httpx.Client(**access(up, location)) as client:
            while not ended.is_set():
                # A PoP restarts after each deployment and then accepts no connections for a moment.
                with contextlib.suppress(httpx.TransportError):
                    statuses.append(client.get(FILE).status_code)

    with in_background(*(partial(send, location) for location in CLIENT_LOCATIONS)):
        yield statuses


@contextmanager
def installs(up: Up, directory: Path) -> Generator[list[int]]:
    """Installs a package with npm repeatedly during the `with` block, each time with an empty cache. Yields a list that
    gets npm's exit code after each installation.
    """
    reader, codes = Client(up.sandbox, "reader", up.outputs()["url"]), list[int]()
    retries = {"npm_config_fetch_retries": "5", "npm_config_fetch_retry_mintimeout": "200"}

    def install(ended: threading.Event) -> None:
        while not ended.is_set():
            target = directory / f"install-{len(codes)}"
            result = npm_install(reader, "@acme/web@1.0.0", target, npm_config_cache=str(target / "cache"), **retries)
            codes.append(result.returncode)

    with in_background(install):
        yield codes


@pytest.fixture
def restored(up: Up) -> Generator[str]:
    """Yields the version of the edge worker that the stack's outputs name. After the test, lets this version answer all
    requests again.
    """
    yield up.outputs()["worker_version"]
    rollout(up, "rollback")
    assert f"{up.outputs()['worker_version']} answers all requests" in rollout(up, "status").stdout


WATCH = ("--minimum", "50", "--requests", "400", "--every", "1", "--minutes", "5")


def test_a_broken_worker_at_ten_percent_is_rolled_back_and_installs_go_on(
    up: Up, restored: str, tmp_path: Path
) -> None:
    broken = bundle(tmp_path, FAULT)
    started = rollout(up, "start", "--percent", "10", "--bundle", str(broken))
    assert started.returncode == 0, started.stderr
    with installs(up, tmp_path) as codes, clients(up) as statuses:
        watched = rollout(up, "watch", "--then", "100", *WATCH)
    assert watched.returncode == 1, watched.stdout + watched.stderr
    assert f"rolled back: {restored} answers all requests" in watched.stdout
    assert set(statuses) == {200, 503}
    assert codes
    assert set(codes) == {0}
    with clients(up) as statuses:
        install = npm_install(Client(up.sandbox, "reader", up.outputs()["url"]), "@acme/web@1.0.0", tmp_path / "after")
    assert install.returncode == 0, install.stderr
    assert set(statuses) == {200}


def test_a_good_worker_advances_to_all_requests(up: Up, restored: str, tmp_path: Path) -> None:
    good = bundle(tmp_path, HARMLESS)
    assert rollout(up, "start", "--percent", "10", "--bundle", str(good)).returncode == 0
    with installs(up, tmp_path) as codes, clients(up) as statuses:
        watched = rollout(up, "watch", "--then", "50", "--then", "100", *WATCH)
    assert watched.returncode == 0, watched.stdout + watched.stderr
    assert f"{worker_version(good.read_text())} answers all requests" in rollout(up, "status").stdout
    assert set(codes) == {0}
    assert set(statuses) == {200}
