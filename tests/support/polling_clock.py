"""A clock for tests of components that wait during `pulumi up` until a machine or a certificate is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from infra import polling


class PollingClock:
    """A clock that advances only when the program pauses. `at` maps times in seconds to functions. The clock calls each
    function at its time.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.at: dict[float, Callable[[], object]] = {}
        monkeypatch.setattr(polling, "asyncio", SimpleNamespace(sleep=self.sleep))
        monkeypatch.setattr(polling, "time", SimpleNamespace(monotonic=lambda: self.now))

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        for time in [time for time in self.at if time <= self.now]:
            self.at.pop(time)()
        await asyncio.sleep(0)
