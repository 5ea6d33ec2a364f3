"""Provides emulated clouds that run in the test process, a new one for each test that requests one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.harness import aws_account
from tests.support.made_once import made_once


@pytest.fixture
def aws_cloud() -> Iterator[None]:
    """Provides an empty AWS account, which moto emulates in the test's process."""
    with aws_account():
        yield


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Caches boto3's descriptions of AWS services for the whole test session. Without the cache, each test would load
    the descriptions again.
    """
    with made_once():
        yield
