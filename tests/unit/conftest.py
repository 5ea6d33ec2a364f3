"""Clouds in process, fresh for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.harness import aws_account
from tests.support.made_once import made_once


@pytest.fixture
def aws_cloud() -> Iterator[None]:
    """An empty AWS account."""
    with aws_account():
        yield


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Makes once what is the same, or may be the same, in each test."""
    with made_once():
        yield
