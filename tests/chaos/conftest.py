"""Provides a stack in emulated clouds to the tests of this folder. These tests cause faults during `pulumi up` and
`pulumi destroy` of the stack.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.faults import Stack, deployed


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with deployed() as stack:
        yield stack
