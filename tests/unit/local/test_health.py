"""Tests which machines `make up` waits for, and which of them it leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emulation.layout import CLIENT_LOCATIONS, Sandbox
from emulation.machines import refusals
from local import health

SHIELD, POP = "127.62.2.1", "127.62.2.2"
NETWORK: dict[str, Any] = {"url": "https://packages.artifact-edge.test"}
WITH_SHIELD = {**NETWORK, "shields": [{"name": "us-east-1-0", "address": SHIELD}]}
WITH_POP = {**NETWORK, "shields": [], "pops": [{"name": "pop-us-east-1-0", "address": POP}]}


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    monkeypatch.setattr(health, "CLIENT_LOCATIONS", ())
    monkeypatch.setattr(health, "_TIMEOUT_SECONDS", 1.0)
    return Sandbox(directory=tmp_path, loopback="127.62")


def test_an_own_pop_that_cannot_boot_is_left_out_with_the_reason(sandbox: Sandbox) -> None:
    refusals.record(sandbox, POP, "only root can run it; start the sandbox as root")
    lines: list[str] = []
    health.wait(sandbox, WITH_POP, lines.append)
    assert lines == [
        "own PoP pop-us-east-1-0 is left out, so DNS leads all clients to Cloudflare: "
        "only root can run it; start the sandbox as root"
    ]
    assert health.unhealthy(sandbox, WITH_POP) == []


def test_an_own_pop_that_boots_must_answer(sandbox: Sandbox) -> None:
    with pytest.raises(health.NotHealthy, match="own PoP pop-us-east-1-0 does not answer"):
        health.wait(sandbox, WITH_POP, print)
    assert health.unhealthy(sandbox, WITH_POP) == ["own PoP pop-us-east-1-0"]


def test_an_edge_that_does_not_answer_ends_the_wait(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CLIENT_LOCATIONS", CLIENT_LOCATIONS)
    refusals.record(sandbox, POP, "only root can run it")
    with pytest.raises(health.NotHealthy, match="edge from us-east does not answer"):
        health.wait(sandbox, {**NETWORK, "shields": []}, print)


def test_a_shield_that_cannot_boot_ends_the_wait_with_the_reason(sandbox: Sandbox) -> None:
    refusals.record(sandbox, SHIELD, "a package is missing")
    with pytest.raises(health.NotHealthy, match="shield us-east-1-0 does not boot: a package is missing"):
        health.wait(sandbox, WITH_SHIELD, print)
    assert health.unhealthy(sandbox, WITH_SHIELD) == ["shield us-east-1-0"]
