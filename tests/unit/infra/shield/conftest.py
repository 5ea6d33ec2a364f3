"""Provides a shield machine (a regional cache) for tests of the program that fetches the machine's secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fetch_secrets import Machine, machine_with_secret


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return machine_with_secret(tmp_path, monkeypatch)
