"""Provides a fixture for tests of policy exemptions. The fixture writes a file of exemptions, and sets the date that
the policies use as the current date.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import date
from pathlib import Path

import pytest

from policies.framework import exemptions
from tests.support.exemptions import WriteExemptions

TODAY = date(2026, 11, 24)


@pytest.fixture
def write_exemptions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[WriteExemptions]:
    def write(text: str) -> None:
        exemptions.DIRECTORY.mkdir(exist_ok=True)
        (exemptions.DIRECTORY / "unit.yaml").write_text(text)
        exemptions.exemptions.cache_clear()

    monkeypatch.setattr(exemptions, "DIRECTORY", tmp_path / "exemptions")
    monkeypatch.setattr(exemptions, "today", lambda: TODAY)
    monkeypatch.setattr("policies.rules.exemption_rules.today", lambda: TODAY)
    yield write
    exemptions.exemptions.cache_clear()
