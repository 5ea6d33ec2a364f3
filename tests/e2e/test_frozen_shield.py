"""Tests that clients get packages while a shield (a regional cache) accepts connections and never answers."""

from __future__ import annotations

from collections.abc import Generator
from itertools import count
from pathlib import Path

import httpx
import pytest

from emulation.machines.freezing import frozen
from local.clients import Client
from tests.support.sandbox.edge import US_EAST, access
from tests.support.sandbox.installs import npm_install
from tests.support.sandbox.origin import store
from tests.support.sandbox.shields import machines, requests_at
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def working(up: Up) -> Generator[str]:
    """Freezes one of the two shields (regional caches) near the client, and yields the other shield.

    After the tests, thaws the frozen shield, and waits until the edge sends requests to both shields again.
    """
    silent, working = machines(up, "us-east-1")
    with frozen(up.sandbox, silent):
        yield working
    keys = (f"npm/@acme/greeting/-/greeting-8.9.{number}.tgz" for number in count())
    with httpx.Client(**access(up, US_EAST)) as client:

        def asked_again() -> bool:
            sent.append(next(keys))
            assert client.get(f"/{sent[-1]}").status_code == 404
            seen = requests_at(up, silent)
            return any(seen[key] for key in sent)

        sent: list[str] = []
        assert eventually(asked_again)


def test_each_object_comes_from_the_other_shield_with_one_request(up: Up, working: str) -> None:
    keys = [f"npm/@acme/greeting/-/greeting-8.8.{number}.tgz" for number in range(16)]
    bodies = [store(up, key, 10_000) for key in keys]
    with httpx.Client(**access(up, US_EAST)) as client:
        answers = [client.get(f"/{key}") for key in keys]
    assert [(answer.status_code, answer.content) for answer in answers] == [(200, body) for body in bodies]
    assert eventually(lambda: all(requests_at(up, working)[key] for key in keys))
    seen = requests_at(up, working)
    assert {key: seen[key] for key in keys} == dict.fromkeys(keys, 1)


@pytest.mark.usefixtures("working")
def test_an_install_succeeds(up: Up, tmp_path: Path) -> None:
    reader = Client(up.sandbox, "reader", up.outputs()["url"])
    result = npm_install(reader, "@acme/web@1.0.0", tmp_path, npm_config_cache=str(tmp_path / "cache"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "node_modules/@acme/greeting/package.json").exists()
