"""Exceptions of a stack that is only a test's."""

from __future__ import annotations

from collections.abc import Generator
from datetime import date
from pathlib import Path
from typing import Protocol

import pytest

from policies.framework import exemptions

TODAY = date(2026, 11, 24)


class Excepting(Protocol):
    """Has the stack of the tests be excused from what the text says, as its file would."""

    def __call__(self, text: str) -> None: ...


@pytest.fixture
def excepting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Excepting]:
    def write(text: str) -> None:
        (tmp_path / "unit.yaml").write_text(text)
        exemptions.exemptions.cache_clear()

    monkeypatch.setattr(exemptions, "DIRECTORY", tmp_path)
    monkeypatch.setattr(exemptions, "today", lambda: TODAY)
    monkeypatch.setattr("policies.rules.exemption_rules.today", lambda: TODAY)
    yield write
    exemptions.exemptions.cache_clear()
