"""Provides the stack whose operations the tests of this folder disturb."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.faults import Stack, deployed


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with deployed() as stack:
        yield stack
