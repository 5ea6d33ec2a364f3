"""Provides emulated clouds that run in the test process, a new one for each test that requests one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.harness import aws_account


@pytest.fixture
def aws_cloud() -> Iterator[None]:
    """Provides an empty AWS account, which moto emulates in the test's process."""
    with aws_account():
        yield
