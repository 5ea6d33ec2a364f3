"""Lets the sandboxes (sets of emulated clouds) of all end-to-end tests start without imports."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _fast_start(forked_python: None) -> None:  # pyright: ignore[reportUnusedFunction]
    pass
