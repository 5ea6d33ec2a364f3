"""Provides helpers for tests of the outbox: a clock that tests set, and a package whose publication adds changes to the
outbox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry.catalog.audit import By
from registry.delivery import deliver as delivering
from registry.publish import publish
from tests.support.packages import tarball
from tests.support.registry import Network


@dataclass
class Clock:
    """A clock for tests of the outbox. It returns `time`, in seconds since 1970. The time changes only when a test sets
    `time`.
    """

    time: float = 4_000_000_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock()
    monkeypatch.setattr(delivering.time, "time", lambda: made.time)
    yield made


def publish_web(network: Network, directory: Path, number: str = "1.0.0") -> Any:
    file = tarball(directory / f"web-{number}.tgz", {"name": "web", "version": number})
    return publish(network.target, [file], By("tester", "", "publish"))
