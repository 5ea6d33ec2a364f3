"""Clouds in process, fresh for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.harness import aws_account


@pytest.fixture
def aws_cloud() -> Iterator[None]:
    """An empty AWS account."""
    with aws_account():
        yield
