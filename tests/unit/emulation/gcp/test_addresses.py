"""Tests which public addresses the emulated Compute Engine reserves."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from emulation.gcp.api import create_app
from emulation.gcp.in_process import ADDRESSES
from emulation.state_store import StateStore

PATH = "/compute/v1/projects/test/regions/us-east1/addresses"


def test_simultaneous_requests_reserve_different_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends two requests at the same time. Each request reserves an address. Without a lock, both requests would read
    the same list of reserved addresses, and reserve the same address twice.
    """
    both_have_read = threading.Barrier(2, timeout=0.5)
    read = StateStore.all

    def read_together(*arguments: Any) -> list[Any]:
        found = read(*arguments)
        with suppress(threading.BrokenBarrierError):
            both_have_read.wait()
        return found

    monkeypatch.setattr(StateStore, "all", read_together)
    app = create_app(StateStore(tmp_path / "gcp.sqlite"), ADDRESSES)

    def reserve(name: str) -> str:
        return app.test_client().post(PATH, json={"name": name}).get_json()["address"]

    with ThreadPoolExecutor() as pool:
        one, other = pool.map(reserve, ["one", "other"])
    assert one != other
